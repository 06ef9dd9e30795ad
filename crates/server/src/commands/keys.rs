//! `colloquy keys`: rotating the keys that sign access tokens, beside running servers.

use std::process::ExitCode;

use domain::Unexpected;
use domain::signing::{KeyId, KeyRotationService, KeyStanding, RetireError, SigningAlgorithm, SigningKey};
use tokio::runtime::Builder;

use super::{CommandError, Console};
use crate::compose::compose_keys;
use crate::problem::Problem;
use crate::settings::Configuration;
use crate::signing_secret::resolve;
use crate::start_error::StartError;

pub(super) fn list(configuration: &Configuration, console: &mut Console<'_>) -> Result<ExitCode, CommandError> {
    let keys = block_on(rotation(configuration)?.list())?.map_err(|error| trouble(&error, configuration))?;
    writeln!(console.out, "{}", row(["kid", "algorithm", "created", "retired", "standing"]))?;
    for (key, standing) in &keys {
        writeln!(console.out, "{}", describe(key, *standing))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn add(
    configuration: &Configuration,
    algorithm: Option<SigningAlgorithm>,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let kid = block_on(rotation(configuration)?.add(algorithm))?.map_err(|error| trouble(&error, configuration))?;
    writeln!(console.out, "made {} key {kid}", algorithm.unwrap_or(configuration.settings.auth.algorithm.get()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn retire(
    configuration: &Configuration,
    kid: &str,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let id = KeyId::try_from(kid.to_owned())
        .map_err(|rule| Problem::new(format!("the name of a key {rule}"), "KID", SEE_LIST))?;
    block_on(rotation(configuration)?.retire(&id))?.map_err(|error| refusal(&error, &id, configuration))?;
    writeln!(console.out, "retired key {id}")?;
    Ok(ExitCode::SUCCESS)
}

const SEE_LIST: &str = "`colloquy keys list` shows those there are";

fn rotation(configuration: &Configuration) -> Result<KeyRotationService, CommandError> {
    let secret = resolve(configuration)?.secret;
    Ok(compose_keys(configuration, &secret)?)
}

fn describe(key: &SigningKey, standing: KeyStanding) -> String {
    const MINUTE: &str = "%Y-%m-%d %H:%MZ";
    row([
        key.id.as_str(),
        key.algorithm.as_str(),
        &key.created_at.format(MINUTE).to_string(),
        &key.retired_at.map_or_else(|| "no".to_owned(), |moment| moment.format(MINUTE).to_string()),
        match standing {
            KeyStanding::Signs => "signs",
            KeyStanding::Verifies => "verifies",
            KeyStanding::Sealed => "sealed with another secret",
            KeyStanding::Retired => "retired",
        },
    ])
}

fn row([kid, algorithm, created, retired, standing]: [&str; 5]) -> String {
    format!("{kid:<16} {algorithm:<9} {created:<17} {retired:<17} {standing}")
}

/// Keys need no more than one thread.
fn block_on<F: Future>(future: F) -> Result<F::Output, StartError> {
    Ok(Builder::new_current_thread().enable_all().build()?.block_on(future))
}

fn refusal(error: &RetireError, id: &KeyId, configuration: &Configuration) -> Problem {
    match error {
        RetireError::NotFound => Problem::new(error, format!("key {id}, {}", configuration.store()), SEE_LIST),
        RetireError::LastUsable(_) => {
            let next = "make another with `colloquy keys add`, wait until `colloquy keys list` says that it signs, and \
                        try again";
            Problem::new(error, format!("key {id}, {}", configuration.store()), next)
        }
        RetireError::Unexpected(error) => trouble(error, configuration),
    }
}

fn trouble(error: &Unexpected, configuration: &Configuration) -> Problem {
    Problem::new(error, configuration.store(), "`colloquy doctor` says what does not work")
}
