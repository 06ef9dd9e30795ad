use std::process::ExitCode;

use domain::page::{Limit, ListError, Order, PageRequest};
use domain::user::{Administrator, CreateAccountError, NewAccount, RegisterError, Role, User, UserFilter};
use secrecy::ExposeSecret;
use tokio::runtime::Builder;

use super::{CommandError, Console, password};
use crate::cli::CreateUser;
use crate::compose::compose_accounts;
use crate::problem::Problem;
use crate::settings::Configuration;
use crate::start_error::StartError;

/// `colloquy user create`: the only way to an administrator.
pub(super) fn create(
    configuration: &Configuration,
    arguments: &CreateUser,
    console: &mut Console<'_>,
) -> Result<ExitCode, CommandError> {
    let administration = compose_accounts(configuration)?;
    let (password, made_up) = password::obtain(&arguments.password, console)?;
    let account =
        NewAccount { username: arguments.name.clone(), email: arguments.email.clone(), password: password.clone() };
    let role = if arguments.admin { Role::Admin } else { Role::User };
    let made = block_on(administration.create(&Administrator::command_line(), account, role))?;
    let user = made.map_err(|error| refused(&error, configuration))?;
    writeln!(console.out, "made {} {} <{}>", user.role, user.username, user.email)?;
    if made_up {
        writeln!(console.out, "password, shown this once: {}", password.expose_secret())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `colloquy user list`: page by page, so that it does not matter how many there are.
pub(super) fn list(configuration: &Configuration, console: &mut Console<'_>) -> Result<ExitCode, CommandError> {
    let accounts = compose_accounts(configuration)?;
    let limit = Limit::try_from(u64::from(Limit::MAX)).unwrap_or_default();
    let mut page = PageRequest { limit, after: None, order: Order::Ascending };
    writeln!(console.out, "{}", row(["username", "email", "role", "active", "created", "last login"]))?;
    loop {
        let users =
            block_on(accounts.list(UserFilter::default(), page))?.map_err(|error| unreadable(&error, configuration))?;
        for user in &users.items {
            writeln!(console.out, "{}", describe(user))?;
        }
        match users.items.last() {
            Some(last) if users.has_more => page.after = Some(last.id),
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn describe(user: &User) -> String {
    const MINUTE: &str = "%Y-%m-%d %H:%MZ";
    row([
        user.username.as_str(),
        user.email.as_str(),
        user.role.as_str(),
        if user.is_active { "yes" } else { "no" },
        &user.account_created.format(MINUTE).to_string(),
        &user.last_login.map_or_else(|| "never".to_owned(), |moment| moment.format(MINUTE).to_string()),
    ])
}

fn row([username, email, role, active, created, last_login]: [&str; 6]) -> String {
    format!("{username:<20} {email:<32} {role:<6} {active:<6} {created:<17} {last_login}")
}

/// Accounts need no more than one thread.
pub(super) fn block_on<F: Future>(future: F) -> Result<F::Output, StartError> {
    Ok(Builder::new_current_thread().enable_all().build()?.block_on(future))
}

fn refused(error: &CreateAccountError, configuration: &Configuration) -> CommandError {
    match error {
        CreateAccountError::Refused(error) => refusal(error, configuration),
        CreateAccountError::NotFresh => Problem::new(error, configuration.store(), "run the command again").into(),
    }
}

fn refusal(error: &RegisterError, configuration: &Configuration) -> CommandError {
    let store = configuration.store();
    match error {
        RegisterError::Invalid { username, email, password } => {
            let mut problems = Vec::new();
            if let Some(rule) = username {
                problems.push(Problem::new(format!("the username {rule}"), "NAME", "choose another name"));
            }
            if let Some(rule) = email {
                problems.push(Problem::new(format!("the e-mail address {rule}"), "--email", "correct the address"));
            }
            if let Some(rule) = password {
                let next = "choose another, or let one be made with --generate-password";
                problems.push(Problem::new(format!("the password {rule}"), "the password", next));
            }
            CommandError::Failed(problems)
        }
        RegisterError::UsernameTaken => {
            Problem::new(error, store, "choose another name; `colloquy user list` shows those there are").into()
        }
        RegisterError::EmailTaken => {
            Problem::new(error, store, "use another address; `colloquy user list` shows those there are").into()
        }
        RegisterError::Throttled(_) | RegisterError::Overloaded | RegisterError::Unexpected(_) => {
            Problem::new(error, store, "`colloquy doctor` says what does not work").into()
        }
    }
}

fn unreadable(error: &ListError, configuration: &Configuration) -> Problem {
    Problem::new(error, configuration.store(), "`colloquy doctor` says what does not work")
}
