use std::process::ExitCode;

use super::{CommandError, Console};
use crate::settings::{Configuration, Profile, show};
use crate::signing_secret::SecretError;

/// `colloquy config check`: the settings in force. It makes nothing: no directory, no secret.
pub(super) fn run(configuration: &Configuration, console: &mut Console<'_>) -> Result<ExitCode, CommandError> {
    show(configuration, console.out)?;
    if configuration.profile == Profile::Production && configuration.settings.auth.secret.get().is_none() {
        return Err(SecretError::Missing.into());
    }
    Ok(ExitCode::SUCCESS)
}
