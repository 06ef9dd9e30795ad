use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use domain::clock::Clock;

use super::api_key::ApiKeys;
use super::audit::Audit;
use super::connection::{Access, ConnectionOptions, Readers};
use super::conversation::Conversations;
use super::erasure::Erasures;
use super::export::Exports;
use super::health::Health;
use super::journal::Journal;
use super::lease::Leases;
use super::lock::ServerLock;
use super::migrations;
use super::records::Records;
use super::retention::Retention;
use super::schema::replicas;
use super::session::Sessions;
use super::signing_key::SigningKeys;
use super::ticket::Tickets;
use super::turn::Turns;
use super::usage::Usage;
use super::user::Users;
use super::writer::Writer;
use crate::clock::SystemClock;
use crate::sql::{Connect, PoolSettings};
use crate::store::{Opener, Store, StoreError};

/// Where the database file is, and how it is used.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database file; it and its folder are made if they are not there.
    pub path: PathBuf,
    /// The most connections that read at once.
    pub readers: u32,
    /// The longest that a request waits for one of them.
    pub acquire_timeout: Duration,
    /// The most writes that wait for the writer.
    pub journal_queue: usize,
}

/// How long a migration waits for another one; one that a server holds off longer will not end by itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a disk may take over one piece of work.
const SILENCE: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(20);

/// The store's ports. A server brings the file up to date first; a command fills one that is empty, and takes no other
/// one that is outdated.
pub fn open(settings: &SqliteSettings, opener: Opener) -> Result<Store, StoreError> {
    create(settings)?;
    let lock = match opener {
        Opener::Server => Some(ServerLock::take(&settings.path)?),
        Opener::Command => None,
    };
    let mut connection = connect(settings)?;
    let may_apply = lock.is_some() || migrations::is_empty(&mut connection)?;
    if may_apply {
        migrations::apply(&mut connection)?;
    } else if !migrations::is_current(&mut connection)? {
        return Err(StoreError::SchemaOutdated);
    }
    if lock.is_some() {
        // Whoever holds the lock is the only server there is: every other lease is a dead one's.
        diesel::delete(replicas::table).execute(&mut connection).map_err(unusable)?;
    }
    let options = |access| ConnectionOptions { path: settings.path.clone(), access };
    let (size, acquire_timeout) = (settings.readers, settings.acquire_timeout);
    let size = PoolSettings { name: "requests", size, acquire_timeout, patience: SILENCE };
    let readers = Readers::new(options(Access::Read), size);
    let writer =
        Writer::start(options(Access::Write), settings.journal_queue, SILENCE, lock).map_err(StoreError::Thread)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(Store {
        users: Arc::new(Users { readers: readers.clone(), writer: writer.clone(), clock: clock.clone() }),
        sessions: Arc::new(Sessions { readers: readers.clone(), writer: writer.clone(), clock: clock.clone() }),
        tickets: Arc::new(Tickets { writer: writer.clone(), clock: clock.clone() }),
        keys: Arc::new(ApiKeys { readers: readers.clone(), writer: writer.clone(), clock: clock.clone() }),
        audit: Arc::new(Audit { readers: readers.clone(), writer: writer.clone() }),
        erasures: Arc::new(Erasures { readers: readers.clone(), writer: writer.clone(), clock: clock.clone() }),
        exports: Arc::new(Exports { readers: readers.clone(), writer: writer.clone(), clock: clock.clone() }),
        records: Arc::new(Records(readers.clone())),
        retention: Arc::new(Retention { writer: writer.clone(), clock: clock.clone() }),
        conversations: Arc::new(Conversations { readers: readers.clone(), writer: writer.clone() }),
        turns: Arc::new(Turns(readers.clone())),
        journal: Arc::new(Journal(writer.clone())),
        usage: Arc::new(Usage(readers.clone())),
        leases: Arc::new(Leases { readers: readers.clone(), writer: writer.clone(), clock: clock.clone() }),
        signing_keys: Arc::new(SigningKeys { readers: readers.clone(), writer, clock }),
        health: Arc::new(Health(readers)),
    })
}

/// Applies the steps that the file lacks, and returns their names. No server may be using a file that lacks some.
pub(crate) fn migrate(settings: &SqliteSettings) -> Result<Vec<String>, StoreError> {
    let mut connection = connect(settings)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if migrations::is_current(&mut connection)? {
            return Ok(Vec::new());
        }
        match ServerLock::take(&settings.path) {
            Ok(_lock) => return Ok(migrations::apply(&mut connection)?),
            // Perhaps it is a server that starts, or another command that does the same.
            Err(StoreError::Locked(_)) if Instant::now() < deadline => thread::sleep(GLANCE),
            Err(error) => return Err(error),
        }
    }
}

/// Takes the newest step back, and returns its name. No server may be using the file.
pub(crate) fn revert(settings: &SqliteSettings) -> Result<Option<String>, StoreError> {
    let mut connection = connect(settings)?;
    let _lock = ServerLock::take(&settings.path)?;
    Ok(migrations::revert(&mut connection)?)
}

/// A connection for work on the schema.
fn connect(settings: &SqliteSettings) -> Result<SqliteConnection, StoreError> {
    create(settings)?;
    let options = ConnectionOptions { path: settings.path.clone(), access: Access::Write };
    SqliteConnection::connect(&options).map_err(|error| StoreError::Unreachable(error.to_string()))
}

/// The file is made here, for its owner's eyes only: it holds people's conversations.
fn create(settings: &SqliteSettings) -> Result<(), StoreError> {
    let path = &settings.path;
    let unusable = |source| StoreError::File { path: path.clone(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(unusable)?;
    }
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(unusable)
}

fn unusable(error: diesel::result::Error) -> StoreError {
    StoreError::Migration(error.into())
}
