//! What each command does. What it prints goes to a [`Console`], so that a test can read it.

mod account;
mod check;
mod doctor;
mod keys;
mod migrate;
mod openapi;
mod password;
mod serve;
mod user;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use crate::cli::{Cli, Command, ConfigCommand, KeysCommand, UserCommand};
use crate::problem::Problem;
use crate::settings::{Configuration, Environment, SettingsError, load};
use crate::signing_secret::SecretError;
use crate::start_error::StartError;

/// Where a command reads and writes.
pub struct Console<'a> {
    /// Whether a person sits at the other end of `input`, rather than a file or a program.
    pub somebody_types: bool,
    /// What is typed or piped in.
    pub input: &'a mut dyn BufRead,
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// Everything else.
    pub err: &'a mut dyn Write,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum CommandError {
    /// Something does not work; a person is told.
    Failed(Vec<Problem>),
    /// What was asked for could not be written, or what was needed not be read.
    Console(io::Error),
}

/// Runs the command.
pub fn run(cli: &Cli, environment: &Environment, console: &mut Console<'_>) -> ExitCode {
    match dispatch(cli, environment, console) {
        Ok(code) => code,
        // Whoever reads has seen enough (`colloquy config check | head`).
        Err(CommandError::Console(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // There is no third place to say that stderr is closed.
            let _closed = write!(console.err, "{error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: &Cli, environment: &Environment, console: &mut Console<'_>) -> Result<ExitCode, CommandError> {
    let flags = cli.flags();
    match &cli.command {
        // These two work without settings, or say what is wrong with them in their own way.
        Some(Command::Openapi) => openapi::run(console),
        Some(Command::Doctor) => doctor::run(environment, &flags, console),
        Some(Command::Config(ConfigCommand::Check)) => check::run(&load(environment, &flags)?, console),
        Some(Command::Migrate { revert }) => migrate::run(&load(environment, &flags)?, *revert, console),
        Some(Command::User(command)) => user_command(command, &load(environment, &flags)?, console),
        Some(Command::Keys(command)) => keys_command(command, &load(environment, &flags)?, console),
        None | Some(Command::Serve(_)) => serve::run(&load(environment, &flags)?, environment, console),
    }
}

fn user_command(
    command: &UserCommand,
    configuration: &Configuration,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    match command {
        UserCommand::Create(arguments) => user::create(configuration, arguments, console),
        UserCommand::List => user::list(configuration, console),
        UserCommand::SetRole { name, role } => account::set_role(configuration, name, *role, console),
        UserCommand::Disable { name } => account::set_active(configuration, name, false, console),
        UserCommand::Enable { name } => account::set_active(configuration, name, true, console),
        UserCommand::ResetPassword(arguments) => account::reset_password(configuration, arguments, console),
        UserCommand::Sessions { name, end } => account::sessions(configuration, name, *end, console),
    }
}

fn keys_command(
    command: &KeysCommand,
    configuration: &Configuration,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    match command {
        KeysCommand::List => keys::list(configuration, console),
        KeysCommand::Add { algorithm } => keys::add(configuration, *algorithm, console),
        KeysCommand::Retire { kid } => keys::retire(configuration, kid, console),
    }
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(problems) => problems.iter().try_for_each(|problem| writeln!(f, "{problem}")),
            Self::Console(error) => writeln!(f, "error: {error}\n  where: the terminal\n   next: try again"),
        }
    }
}

impl From<Problem> for CommandError {
    fn from(problem: Problem) -> Self {
        Self::Failed(vec![problem])
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        Self::Failed(error.problems())
    }
}

impl From<SecretError> for CommandError {
    fn from(error: SecretError) -> Self {
        error.problem().into()
    }
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        error.problem().into()
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Console(error)
    }
}
