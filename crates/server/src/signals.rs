//! Being told to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who wants the process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// Whatever runs it (SIGTERM): a balancer may still send requests until it has noticed.
    Terminate,
    /// A person at the terminal (SIGINT), who waits.
    Interrupt,
}

/// The signals that stop the process. While this exists, they do not end it by themselves.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on, signals are kept until they are asked for.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next signal.
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    fn send_to_ourselves(name: &str) {
        let status = Command::new("kill").args([name, &std::process::id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    #[tokio::test]
    async fn each_signal_is_told_and_ends_nothing() {
        let mut signals = StopSignals::listen().unwrap();
        for (name, expected) in [("-TERM", StopSignal::Terminate), ("-INT", StopSignal::Interrupt)] {
            send_to_ourselves(name);
            let told = tokio::time::timeout(Duration::from_secs(10), signals.next()).await;
            assert_eq!(told, Ok(expected));
        }
    }
}
