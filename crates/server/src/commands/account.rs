//! What whoever sits at the machine does to an account that is there.

use std::process::ExitCode;

use domain::page::{Limit, Order, PageRequest};
use domain::user::{AdministrationError, AdministrationService, Administrator, Role, User, Username};
use secrecy::ExposeSecret;

use super::user::block_on;
use super::{CommandError, Console, password};
use crate::cli::ResetPassword;
use crate::compose::compose_accounts;
use crate::problem::Problem;
use crate::settings::Configuration;

/// `colloquy user set-role`
pub(super) fn set_role(
    configuration: &Configuration,
    name: &str,
    role: Role,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let (administration, user) = find(configuration, name)?;
    done(configuration, block_on(administration.set_role(&Administrator::command_line(), user.id, role))?)?;
    writeln!(console.out, "{} is {role} now", user.username)?;
    Ok(ExitCode::SUCCESS)
}

/// `colloquy user disable` and `enable`
pub(super) fn set_active(
    configuration: &Configuration,
    name: &str,
    is_active: bool,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let (administration, user) = find(configuration, name)?;
    done(configuration, block_on(administration.set_active(&Administrator::command_line(), user.id, is_active))?)?;
    writeln!(console.out, "{} is {} now", user.username, if is_active { "enabled" } else { "disabled" })?;
    Ok(ExitCode::SUCCESS)
}

/// `colloquy user reset-password`
pub(super) fn reset_password(
    configuration: &Configuration,
    arguments: &ResetPassword,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let (administration, user) = find(configuration, &arguments.name)?;
    let (password, made_up) = password::obtain(&arguments.password, console)?;
    let by = Administrator::command_line();
    done(configuration, block_on(administration.reset_password(&by, user.id, password.clone()))?)?;
    writeln!(console.out, "{} has a new password now", user.username)?;
    if made_up {
        writeln!(console.out, "password, shown this once: {}", password.expose_secret())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `colloquy user sessions`
pub(super) fn sessions(
    configuration: &Configuration,
    name: &str,
    end: bool,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let (administration, user) = find(configuration, name)?;
    let by = Administrator::command_line();
    if end {
        let ended = done(configuration, block_on(administration.end_sessions(&by, user.id))?)?;
        writeln!(console.out, "ended {ended} sessions of {}", user.username)?;
        return Ok(ExitCode::SUCCESS);
    }
    let limit = Limit::try_from(u64::from(Limit::MAX)).unwrap_or_default();
    let mut page = PageRequest { limit, after: None, order: Order::Descending };
    writeln!(console.out, "{}", row(["opened", "last seen", "until", "address", "with"]))?;
    loop {
        let sessions = block_on(administration.sessions(&by, user.id, page))?
            .map_err(|error| Problem::new(error, configuration.store(), DOCTOR))?;
        for session in &sessions.items {
            let address = session.client.ip.map(|ip| ip.to_string()).unwrap_or_default();
            let agent = session.client.user_agent.as_deref().unwrap_or_default();
            let times = [session.created_at, session.last_seen_at, session.expires_at];
            let times = times.map(|moment| moment.format("%Y-%m-%d %H:%MZ").to_string());
            writeln!(console.out, "{}", row([&times[0], &times[1], &times[2], &address, agent]))?;
        }
        match sessions.items.last() {
            Some(last) if sessions.has_more => page.after = Some(last.id),
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

const DOCTOR: &str = "`colloquy doctor` says what does not work";

fn row([opened, seen, until, address, agent]: [&str; 5]) -> String {
    format!("{opened:<17} {seen:<17} {until:<17} {address:<24} {agent}").trim_end().to_owned()
}

fn find(configuration: &Configuration, name: &str) -> Result<(AdministrationService, User), CommandError> {
    let administration = compose_accounts(configuration)?;
    let missing = || {
        let what = format!("there is no account of the name {name}");
        Problem::new(what, configuration.store(), "`colloquy user list` shows those there are")
    };
    let username = Username::try_from(name.to_owned()).map_err(|_| missing())?;
    let user = block_on(administration.named(&username))?
        .map_err(|error| Problem::new(error, configuration.store(), DOCTOR))?;
    Ok((administration, user.ok_or_else(missing)?))
}

fn done<T>(configuration: &Configuration, outcome: Result<T, AdministrationError>) -> Result<T, CommandError> {
    outcome.map_err(|error| {
        let store = configuration.store();
        match &error {
            AdministrationError::LastAdmin => {
                let next = "make another one first: `colloquy user set-role NAME admin`";
                Problem::new(&error, store, next)
            }
            AdministrationError::Password(rule) => {
                let next = "choose another, or let one be made with --generate-password";
                Problem::new(format!("the password {rule}"), "the password", next)
            }
            AdministrationError::NotFound => Problem::new(&error, store, "`colloquy user list` shows those there are"),
            AdministrationError::NotFresh | AdministrationError::Overloaded | AdministrationError::Unexpected(_) => {
                Problem::new(&error, store, DOCTOR)
            }
        }
        .into()
    })
}
