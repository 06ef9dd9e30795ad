use std::process::ExitCode;

use tokio::runtime::Builder;

use super::{CommandError, Console};
use crate::application::{Application, Stopped};
use crate::patience::Patience;
use crate::problem::Problem;
use crate::settings::{Configuration, Environment};
use crate::signals::StopSignals;
use crate::start_error::StartError;
use crate::telemetry;

/// `colloquy serve`.
pub(super) fn run(
    configuration: &Configuration,
    environment: &Environment,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    telemetry::start(&configuration.settings.log)
        .map_err(|error| Problem::new(error, "log.filter", "correct it; `info` is the default"))?;
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(StartError::System)?;
    let stopped = runtime.block_on(async {
        // Before anything is opened, so that a signal in between is not lost.
        let signals = StopSignals::listen().map_err(StartError::System)?;
        let application = Application::build(configuration, environment).await?;
        // A closed stdout is no reason not to serve; the log has the same.
        let _closed = console.out.write_all(application.banner().as_bytes()).and_then(|()| console.out.flush());
        application.run_until_stopped(signals).await.map_err(StartError::System)
    });
    runtime
        .shutdown_timeout(Patience::with_answers(configuration.settings.server.shutdown_seconds.duration()).last_words);
    Ok(match stopped? {
        Stopped::Gracefully => ExitCode::SUCCESS,
        Stopped::AtOnce => ExitCode::FAILURE,
    })
}
