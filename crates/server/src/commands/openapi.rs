use std::process::ExitCode;

use super::{CommandError, Console};

/// `colloquy openapi`: needs no settings, so that a build can run it.
pub(super) fn run(console: &mut Console<'_>) -> Result<ExitCode, CommandError> {
    let document = serde_json::to_string_pretty(&api::openapi()).map_err(std::io::Error::other)?;
    writeln!(console.out, "{document}")?;
    Ok(ExitCode::SUCCESS)
}
