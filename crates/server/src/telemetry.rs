//! Where the log goes: to stderr, for a person in a terminal and as JSON elsewhere.

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::{LogFormat, LogSettings};

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(settings: &LogSettings) -> Result<(), ParseError> {
    let for_a_person = match settings.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    // Somebody who embeds the server may have a subscriber of their own, which then stays.
    if subscriber(settings, for_a_person, io::stderr)?.try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// A panic costs one request; its trace belongs into the log, in the log's format. What it says is kept out of the
/// level `info`, because it may quote what somebody wrote.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(place, thread = std::thread::current().name(), "a thread panicked");
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    tracing::debug!(place, message, "what it said");
}

type Boxed = Box<dyn Subscriber + Send + Sync>;

fn subscriber<W>(settings: &LogSettings, for_a_person: bool, writer: W) -> Result<Boxed, ParseError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(settings.filter.as_str())?;
    let builder = fmt().with_env_filter(filter).with_writer(writer);
    Ok(if for_a_person {
        Box::new(builder.with_ansi(io::stderr().is_terminal()).finish())
    } else {
        // The spans carry the request's, the user's and the turn's id; one list of them is enough.
        Box::new(builder.json().flatten_event(true).with_current_span(false).finish())
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;
    use crate::settings::{Environment, Flags, load};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, for_a_person: bool) -> String {
        let environment: Environment = [("RUST_LOG", filter)].into_iter().collect();
        let settings = load(&environment, &Flags::default()).unwrap().settings;
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(&settings.log, for_a_person, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let _request = tracing::info_span!("request", request_id = "r-1").entered();
            tracing::info!(turn_id = "t-1", "answered");
            tracing::debug!("detail");
        });
        lines.text()
    }

    #[test]
    fn a_machine_reads_one_json_object_a_line() {
        let text = logged("info", false);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "answered");
        assert_eq!(line["turn_id"], "t-1");
        assert_eq!(line["spans"][0]["request_id"], "r-1");
    }

    #[test]
    fn the_filter_decides_what_is_logged() {
        assert!(!logged("info", true).contains("detail"));
        assert!(logged("debug", true).contains("detail"));
        assert_eq!(logged("off", true), "");
    }
}
