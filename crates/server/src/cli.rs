//! The grammar of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use domain::signing::SigningAlgorithm;
use domain::user::Role;

use crate::settings::Flags;

/// The session layer for AI chat: users, tokens, conversations and memory, in front of any model.
#[derive(Debug, Parser)]
#[command(name = "colloquy", version, arg_required_else_help = false)]
pub struct Cli {
    /// A settings file (TOML), over the defaults and the profile.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to do; without it, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server (the default).
    Serve(ServeArgs),
    /// Bring the store's schema up to date.
    Migrate {
        /// Take the last migration back instead. What only it could hold is lost.
        #[arg(long)]
        revert: bool,
    },
    /// Accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// The keys that sign access tokens.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Try the store, its schema, the secrets and the engine; exit code 1 if something does not work.
    Doctor,
}

#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Bring an outdated schema up to date first.
    #[arg(long)]
    pub auto_migrate: bool,
    /// The port to listen on; 0 takes a free one.
    #[arg(long)]
    pub port: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account. The password is asked for, or read from standard input; it is never an argument.
    Create(CreateUser),
    /// List the accounts, oldest first.
    List,
    /// Take over the accounts of another system, with the hashes of their passwords. Exit code 1 if any was refused.
    Import(ImportUsers),
    /// Make an account an administrator's, or a user's. Its sessions end; the last administrator stays one.
    SetRole {
        /// The name to log in with.
        name: String,
        /// `user` or `admin`.
        role: Role,
    },
    /// Let an account be used no more: its sessions end, its keys open nothing, its turns stop.
    Disable {
        /// The name to log in with.
        name: String,
    },
    /// Let an account be used again.
    Enable {
        /// The name to log in with.
        name: String,
    },
    /// Give an account another password. It is asked for, or read from standard input; it is never an argument.
    ResetPassword(ResetPassword),
    /// List the sessions of an account, or end them.
    Sessions {
        /// The name to log in with.
        name: String,
        /// End them all.
        #[arg(long)]
        end: bool,
    },
}

#[derive(Debug, Args)]
pub struct ResetPassword {
    /// The name to log in with.
    pub name: String,
    #[command(flatten)]
    pub password: PasswordSource,
}

/// Where a password comes from.
#[derive(Debug, Args)]
pub struct PasswordSource {
    /// Read the password from standard input without asking, up to the end of the first line.
    #[arg(long, conflicts_with = "generate_password")]
    pub password_stdin: bool,
    /// Make a password up and print it, once.
    #[arg(long)]
    pub generate_password: bool,
}

#[derive(Debug, Args)]
pub struct CreateUser {
    /// The name to log in with.
    pub name: String,
    /// The owner's address.
    #[arg(long)]
    pub email: String,
    /// Make it an administrator.
    #[arg(long)]
    pub admin: bool,
    #[command(flatten)]
    pub password: PasswordSource,
}

#[derive(Debug, Args)]
pub struct ImportUsers {
    /// A CSV file whose first line names the columns: username, email, hash, `is_active`, `account_created`, `last_login`.
    pub file: PathBuf,
    /// Report as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys, oldest first, and what each is good for.
    List,
    /// Make a key. It verifies on every replica within a second, and signs after five.
    Add {
        /// `HS256` or `EdDSA`; without it, the one of `auth.algorithm`.
        #[arg(long)]
        algorithm: Option<SigningAlgorithm>,
    },
    /// Retire a key for good: within a second, the tokens it has signed are refused.
    Retire {
        /// Its name, as `colloquy keys list` has it.
        kid: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the settings and print those in force, each with the place it comes from; secrets are masked.
    Check,
}

impl Cli {
    /// What the command line says about settings.
    pub fn flags(&self) -> Flags {
        let config = self.config.clone();
        match &self.command {
            Some(Command::Serve(ServeArgs { auto_migrate, port })) => {
                Flags { config, port: *port, auto_migrate: *auto_migrate }
            }
            _ => Flags { config, ..Flags::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_settings_wherever_they_stand() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap().flags();
        assert_eq!(parse("colloquy serve --port 80 --auto-migrate --config a.toml").port, Some(80));
        assert_eq!(parse("colloquy --config a.toml serve").config, Some(PathBuf::from("a.toml")));
        assert_eq!(parse("colloquy config check --config a.toml").config, Some(PathBuf::from("a.toml")));
        assert!(parse("colloquy serve --auto-migrate").auto_migrate);
    }

    #[test]
    fn a_password_is_no_argument() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("colloquy user create ada --email a@b.example --password-stdin").is_ok());
        assert!(parse("colloquy user create ada --email a@b.example --password geheim").is_err());
        assert!(parse("colloquy user create ada geheim --email a@b.example").is_err());
        assert!(parse("colloquy user create ada --email a@b.example --password-stdin --generate-password").is_err());
    }
}
