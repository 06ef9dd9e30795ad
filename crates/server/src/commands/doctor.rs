//! `colloquy doctor`: what works, what does not, what to do. It changes nothing: what is made at the first start is
//! not made here.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use domain::signing::KeyStanding;
use infra::store::{Opener, StoreError};
use tokio::runtime::Builder;

use super::{CommandError, Console};
use crate::compose::{choose_engine, compose_keys, open_store};
use crate::problem::Problem;
use crate::settings::{Configuration, EngineKind, Environment, Flags, StoreLocation, load};
use crate::signing_secret::{SecretSource, find};
use crate::start_error::StartError;

/// What came of one examination.
type Finding = Result<String, Vec<Problem>>;

pub(super) fn run(
    environment: &Environment,
    flags: &Flags,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let configuration = match load(environment, flags) {
        Ok(configuration) => configuration,
        Err(error) => {
            // Nothing else can be examined without settings.
            report(console, "settings", Err(error.problems()))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let place = format!("profile {}, data directory {}", configuration.profile, configuration.data_dir.display());
    let mut all_well = report(console, "settings", Ok(place))?;
    all_well &= report(console, "secrets", secrets(&configuration))?;
    for (name, finding) in store_and_schema(&configuration) {
        all_well &= report(console, name, finding)?;
    }
    all_well &= report(console, "engine", engine(&configuration, environment))?;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(console: &mut Console<'_>, name: &str, finding: Finding) -> io::Result<bool> {
    match finding {
        Ok(fact) => {
            writeln!(console.out, "ok    {name:<9} {fact}")?;
            Ok(true)
        }
        Err(problems) => {
            writeln!(console.out, "FAIL  {name}")?;
            for problem in problems {
                writeln!(console.out, "{problem}")?;
            }
            Ok(false)
        }
    }
}

fn secrets(configuration: &Configuration) -> Finding {
    match find(configuration).map_err(|error| vec![error.problem()])?.map(|found| found.source) {
        Some(SecretSource::Settings) => Ok("auth.secret is set".to_owned()),
        Some(SecretSource::Kept { path, was_exposed: true }) => Err(vec![Problem::new(
            "others on this machine can read the signing secret",
            path.display(),
            "`chmod 600` it; if one of them may have read it, remove it: everybody has to log in again",
        )]),
        Some(SecretSource::Kept { path, .. } | SecretSource::Generated(path)) => Ok(path.display().to_string()),
        None => Ok("one is made at the first start".to_owned()),
    }
}

/// The two are one look at the store; an outdated schema is a store that works.
fn store_and_schema(configuration: &Configuration) -> Vec<(&'static str, Finding)> {
    let location = configuration.store();
    if let StoreLocation::Sqlite(path) = &location
        // A file without a byte is as good as none, and opening it would fill it.
        && std::fs::metadata(path).map_or(true, |file| file.len() == 0)
    {
        return vec![("store", Ok(format!("{} is made at the first start", path.display())))];
    }
    match open_store(configuration, Opener::Command) {
        Ok(store) => {
            let health = Builder::new_current_thread().enable_all().build().map(|it| it.block_on(store.health.check()));
            match health {
                Ok(Ok(())) => vec![
                    ("store", Ok(configuration.store().to_string())),
                    ("schema", Ok("up to date".to_owned())),
                    ("keys", keys(configuration)),
                ],
                Ok(Err(error)) => vec![("store", trouble(error, configuration))],
                Err(error) => vec![("store", trouble(error, configuration))],
            }
        }
        Err(error @ StartError::Store { source: StoreError::SchemaOutdated, .. }) => {
            vec![("store", Ok(configuration.store().to_string())), ("schema", Err(vec![error.problem()]))]
        }
        Err(error) => vec![("store", Err(vec![error.problem()]))],
    }
}

/// Whether this server's secret opens the keys in force: another replica's secret may be another.
fn keys(configuration: &Configuration) -> Finding {
    let untold = "one is made at the first start".to_owned();
    let Ok(Some(secret)) = find(configuration) else { return Ok(untold) };
    let rotation = compose_keys(configuration, &secret.secret).map_err(|error| vec![error.problem()])?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| vec![StartError::System(error).problem()])?;
    let keys = match runtime.block_on(rotation.list()) {
        Ok(keys) => keys,
        Err(error) => return trouble(error, configuration),
    };
    let sealed = keys.iter().filter(|(_, standing)| *standing == KeyStanding::Sealed).map(|(key, _)| {
        let next = "give every server the secret that the key was made with, or, if it was changed on purpose, \
                    `colloquy keys retire` the key";
        Problem::new("auth.secret does not open a signing key", format!("key {}", key.id), next)
    });
    let sealed: Vec<Problem> = sealed.collect();
    let signs = keys.iter().find(|(_, standing)| *standing == KeyStanding::Signs);
    match signs {
        _ if !sealed.is_empty() => Err(sealed),
        None => Ok(untold),
        Some((key, _)) => Ok(format!("{} key {} signs", key.algorithm, key.id)),
    }
}

fn trouble(error: impl Display, configuration: &Configuration) -> Finding {
    Err(vec![Problem::new(error, configuration.store(), "see that it runs and can be reached, and try again")])
}

/// Whether it is set up, and whether the server behind it answers. It is not asked a question: that might cost money.
fn engine(configuration: &Configuration, environment: &Environment) -> Finding {
    let chosen = choose_engine(configuration, environment).map_err(|error| vec![error.problem()])?;
    let how = match configuration.settings.engine.kind {
        EngineKind::Auto => "chosen by what keys the environment has",
        EngineKind::Builtin | EngineKind::OpenAi | EngineKind::Scripted => "chosen by engine.kind",
    };
    if let Some(server) = chosen.server {
        let unwell = |error: &dyn Display| {
            let next = "see that the server runs and that the key and engine.openai.base_url are right, and try again";
            vec![Problem::new(format!("the engine does not answer: {error}"), &chosen.description, next)]
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| unwell(&error))?;
        runtime.block_on(server.check()).map_err(|error| unwell(&error))?;
    }
    Ok(format!("{} ({how})", chosen.description))
}
