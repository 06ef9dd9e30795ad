use std::process::ExitCode;

use infra::store;

use super::{CommandError, Console};
use crate::compose::{prepare_store, store_error};
use crate::settings::Configuration;

/// `colloquy migrate`: says which migrations it ran; running it twice does nothing twice.
pub(super) fn run(
    configuration: &Configuration,
    revert: bool,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let settings = prepare_store(configuration)?;
    let failed = |source| store_error(configuration, source);
    let store = configuration.store();
    if revert {
        match store::revert(&settings).map_err(failed)? {
            Some(name) => writeln!(console.out, "{store}: took back {name}")?,
            None => writeln!(console.out, "{store}: there is nothing to take back")?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let names = store::migrate(&settings).map_err(failed)?;
    for name in &names {
        writeln!(console.out, "{store}: ran {name}")?;
    }
    if names.is_empty() {
        writeln!(console.out, "{store}: the schema is up to date")?;
    }
    Ok(ExitCode::SUCCESS)
}
