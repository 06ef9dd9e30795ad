//! Opening a store: which of the two, and whether its schema is the one that this build expects.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use domain::chat::{ReplicaLease, TurnJournal};
use domain::conversation::{ConversationRepository, TurnRepository};
use domain::health::StoreHealth;
use domain::session::SessionRepository;
use domain::user::UserRepository;
use secrecy::SecretString;

use crate::postgres::{self, PostgresSettings};
use crate::sqlite::{self, SqliteSettings};

/// The ports of one store.
#[derive(Clone)]
pub struct Store {
    /// Accounts.
    pub users: Arc<dyn UserRepository>,
    /// Sessions.
    pub sessions: Arc<dyn SessionRepository>,
    /// Conversations.
    pub conversations: Arc<dyn ConversationRepository>,
    /// Turns, for reading.
    pub turns: Arc<dyn TurnRepository>,
    /// Turns, for writing.
    pub journal: Arc<dyn TurnJournal>,
    /// Which processes are alive.
    pub leases: Arc<dyn ReplicaLease>,
    /// Whether the store can be used.
    pub health: Arc<dyn StoreHealth>,
}

/// Where a store is.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// `postgres://…`
    Postgres(SecretString),
    /// `sqlite://…`, as a path.
    Sqlite(PathBuf),
}

/// The text names no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreUrl {
    /// Neither of the two schemes.
    #[error("must begin with postgres:// or sqlite://")]
    Scheme,
    /// A store that would forget everything.
    #[error("must name a file: a store in memory would forget everything, and Colloquy loses nothing")]
    Memory,
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(url: &str) -> Result<Self, InvalidStoreUrl> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.into()));
        }
        let path = url.strip_prefix("sqlite:").ok_or(InvalidStoreUrl::Scheme)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(":memory:") || path.contains("mode=memory") {
            return Err(InvalidStoreUrl::Memory);
        }
        Ok(Self::Sqlite(path.into()))
    }
}

/// One of the two stores.
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// PostgreSQL.
    Postgres(PostgresSettings),
    /// SQLite.
    Sqlite(SqliteSettings),
}

/// Who opens the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// A server. Of a SQLite file it is the only one.
    Server,
    /// A command that works beside a running server.
    Command,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// The schema lacks steps.
    #[error("the schema of the database is older than this version of Colloquy")]
    SchemaOutdated,
    /// A step failed.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// Another server has the file.
    #[error("another Colloquy server is using {}", .0.display())]
    Locked(PathBuf),
    /// The file, its folder or its lock cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused a thread.
    #[error("a writer thread could not be started: {0}")]
    Thread(io::Error),
}

/// Why the schema could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A step failed; it was rolled back.
    #[error("a migration failed: {0}")]
    Step(Box<dyn std::error::Error + Send + Sync>),
    /// The store failed.
    #[error("the schema could not be read or changed: {0}")]
    Store(#[from] diesel::result::Error),
}

/// Opens the store.
///
/// A SQLite file is made and brought up to date here; PostgreSQL is brought up to date by [`migrate`], and a
/// schema that lacks steps is [`StoreError::SchemaOutdated`].
pub fn open(settings: &StoreSettings, opener: Opener) -> Result<Store, StoreError> {
    match settings {
        StoreSettings::Postgres(settings) => {
            let mut connection = postgres::connect(settings)?;
            if !postgres::migrations::is_current(&mut connection)? {
                return Err(StoreError::SchemaOutdated);
            }
            postgres::open(settings)
        }
        StoreSettings::Sqlite(settings) => sqlite::open(settings, opener),
    }
}

/// Applies the steps that the schema lacks, and returns their names.
pub fn migrate(settings: &StoreSettings) -> Result<Vec<String>, StoreError> {
    match settings {
        StoreSettings::Postgres(settings) => Ok(postgres::migrations::apply(&mut postgres::connect(settings)?)?),
        StoreSettings::Sqlite(settings) => Ok(sqlite::migrations::apply(&mut sqlite::connect(settings)?)?),
    }
}

/// Takes the newest step back, and returns its name.
pub fn revert(settings: &StoreSettings) -> Result<String, StoreError> {
    match settings {
        StoreSettings::Postgres(settings) => Ok(postgres::migrations::revert(&mut postgres::connect(settings)?)?),
        StoreSettings::Sqlite(settings) => Ok(sqlite::migrations::revert(&mut sqlite::connect(settings)?)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_one_of_two_stores() {
        assert!(matches!("postgres://u@h/db".parse(), Ok(StoreUrl::Postgres(_))));
        assert!(
            matches!("sqlite:///var/lib/c.db".parse(), Ok(StoreUrl::Sqlite(path)) if path == PathBuf::from("/var/lib/c.db"))
        );
        assert!(matches!("sqlite://c.db".parse(), Ok(StoreUrl::Sqlite(path)) if path == PathBuf::from("c.db")));
        assert_eq!("mysql://h/db".parse::<StoreUrl>().unwrap_err(), InvalidStoreUrl::Scheme);
        assert_eq!("sqlite::memory:".parse::<StoreUrl>().unwrap_err(), InvalidStoreUrl::Memory);
        assert_eq!("sqlite://:memory:".parse::<StoreUrl>().unwrap_err(), InvalidStoreUrl::Memory);
        assert_eq!("sqlite://".parse::<StoreUrl>().unwrap_err(), InvalidStoreUrl::Memory);
    }
}
