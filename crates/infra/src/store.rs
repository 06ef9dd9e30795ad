//! Opening a store: which of the two, and whether its schema is the one that this build expects.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use diesel::backend::Backend;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel_migrations::EmbeddedMigrations;
use domain::api_key::ApiKeyRepository;
use domain::audit::AuditLog;
use domain::chat::{ReplicaLease, TurnJournal};
use domain::conversation::{ConversationRepository, TurnRepository};
use domain::erasure::ErasureRepository;
use domain::export::{ExportRepository, RecordRepository};
use domain::health::StoreHealth;
use domain::housekeeping::RetentionRepository;
use domain::session::{SessionRepository, TicketRepository};
use domain::signing::SigningKeyRepository;
use domain::usage::UsageRepository;
use domain::user::UserRepository;

use crate::postgres::{self, PostgresSettings};
use crate::sqlite::{self, SqliteSettings};

/// The ports of one store.
#[derive(Clone)]
pub struct Store {
    /// Accounts.
    pub users: Arc<dyn UserRepository>,
    /// Sessions.
    pub sessions: Arc<dyn SessionRepository>,
    /// Tickets, for what can send no header.
    pub tickets: Arc<dyn TicketRepository>,
    /// API keys.
    pub keys: Arc<dyn ApiKeyRepository>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Accounts that are being deleted.
    pub erasures: Arc<dyn ErasureRepository>,
    /// Exports.
    pub exports: Arc<dyn ExportRepository>,
    /// Everything about somebody, for exports.
    pub records: Arc<dyn RecordRepository>,
    /// Credentials that are long over.
    pub retention: Arc<dyn RetentionRepository>,
    /// Conversations.
    pub conversations: Arc<dyn ConversationRepository>,
    /// Turns, for reading.
    pub turns: Arc<dyn TurnRepository>,
    /// Turns, for writing.
    pub journal: Arc<dyn TurnJournal>,
    /// Which processes are alive.
    pub leases: Arc<dyn ReplicaLease>,
    /// What turns took.
    pub usage: Arc<dyn UsageRepository>,
    /// The keys that sign access tokens.
    pub signing_keys: Arc<dyn SigningKeyRepository>,
    /// Whether the store can be used.
    pub health: Arc<dyn StoreHealth>,
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
    /// A server holds a lease there; taking a step back would take its tables from under it.
    #[error("a Colloquy server is using the database")]
    InUse,
    /// The store failed.
    #[error("the schema could not be read or changed: {0}")]
    Store(#[from] diesel::result::Error),
}

/// Opens the store.
///
/// A SQLite file that is not there, or is empty, is filled here; one that lacks steps is brought up to date for
/// [`Opener::Server`]. Everything else is brought up to date by [`migrate`], and a schema that lacks steps is
/// [`StoreError::SchemaOutdated`].
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
///
/// A SQLite file that lacks some and is used by a server is [`StoreError::Locked`].
pub fn migrate(settings: &StoreSettings) -> Result<Vec<String>, StoreError> {
    match settings {
        StoreSettings::Postgres(settings) => Ok(postgres::migrations::apply(&mut postgres::connect(settings)?)?),
        StoreSettings::Sqlite(settings) => sqlite::migrate(settings),
    }
}

/// Takes the newest step back, and returns its name; `None` if there is nothing to take back.
///
/// A SQLite file that is used by a server is [`StoreError::Locked`], a PostgreSQL database [`MigrationError::InUse`].
pub fn revert(settings: &StoreSettings) -> Result<Option<String>, StoreError> {
    match settings {
        StoreSettings::Postgres(settings) => Ok(postgres::migrations::revert(&mut postgres::connect(settings)?)?),
        StoreSettings::Sqlite(settings) => sqlite::revert(settings),
    }
}

/// A step as its directory is named. diesel gives back versions, which nobody finds again.
pub(crate) fn step_name<DB: Backend>(
    steps: &EmbeddedMigrations,
    version: &MigrationVersion<'_>,
) -> Result<String, MigrationError> {
    let known = MigrationSource::<DB>::migrations(steps).map_err(MigrationError::Step)?;
    let step = known.iter().find(|step| step.name().version() == *version);
    Ok(step.map_or_else(|| version.to_string(), |step| step.name().to_string()))
}
