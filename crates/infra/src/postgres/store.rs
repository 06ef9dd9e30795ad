use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use secrecy::SecretString;

use super::api_key::ApiKeys;
use super::audit::Audit;
use super::connection::{ConnectionOptions, PgPool, Purpose};
use super::conversation::Conversations;
use super::erasure::Erasures;
use super::export::Exports;
use super::health::Health;
use super::journal::Journal;
use super::lease::Leases;
use super::records::Records;
use super::retention::Retention;
use super::session::Sessions;
use super::signing_key::SigningKeys;
use super::ticket::Tickets;
use super::turn::Turns;
use super::usage::Usage;
use super::user::Users;
use crate::sql::PoolSettings;
use crate::store::{Store, StoreError};

/// How PostgreSQL is reached.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// The most connections besides the two of the journal and the one of the lease.
    pub pool_size: u32,
    /// The longest that a request waits for a connection.
    pub acquire_timeout: Duration,
    /// The longest that opening one may take; libpq counts in whole seconds, two at least.
    pub connect_timeout: Duration,
    /// The longest that a statement may take; zero leaves it to the server.
    pub statement_timeout: Duration,
    /// Whether statements are prepared once per connection; off behind PgBouncer before 1.21.
    pub statement_cache: bool,
    /// The most writes of each kind that wait for the journal.
    pub journal_queue: usize,
}

impl PostgresSettings {
    /// How long anybody waits for work on the server, a connection included: as long as a statement may take, or as
    /// connecting may. The server's own limit is no help when the server, or the way to it, stands still.
    fn patience(&self) -> Duration {
        const WITHOUT_LIMIT: Duration = Duration::from_secs(60 * 60);
        let statement = if self.statement_timeout.is_zero() { WITHOUT_LIMIT } else { self.statement_timeout };
        statement.max(self.connect_timeout)
    }

    fn connection(&self, purpose: Purpose) -> ConnectionOptions {
        let Self { url, connect_timeout, statement_timeout, statement_cache, .. } = self;
        ConnectionOptions::new(url, purpose, *connect_timeout, *statement_timeout, *statement_cache)
    }
}

/// The store's ports. Nothing is connected yet: a server that is down shows when it is first asked.
pub fn open(settings: &PostgresSettings) -> Result<Store, StoreError> {
    let pool_of = |name, size, purpose| {
        let (acquire_timeout, patience) = (settings.acquire_timeout, settings.patience());
        PgPool::new(settings.connection(purpose), PoolSettings { name, size, acquire_timeout, patience })
    };
    let pool = pool_of("requests", settings.pool_size, Purpose::Requests);
    let journal = settings.connection(Purpose::Journal);
    let journal = Journal::start(pool.clone(), &journal, settings.journal_queue, settings.patience())
        .map_err(StoreError::Thread)?;
    Ok(Store {
        users: Arc::new(Users(pool.clone())),
        sessions: Arc::new(Sessions(pool.clone())),
        tickets: Arc::new(Tickets(pool.clone())),
        keys: Arc::new(ApiKeys(pool.clone())),
        audit: Arc::new(Audit(pool.clone())),
        erasures: Arc::new(Erasures(pool.clone())),
        exports: Arc::new(Exports(pool.clone())),
        records: Arc::new(Records(pool.clone())),
        retention: Arc::new(Retention(pool.clone())),
        conversations: Arc::new(Conversations(pool.clone())),
        turns: Arc::new(Turns(pool.clone())),
        journal: Arc::new(journal),
        leases: Arc::new(Leases { own: pool_of("lease", 1, Purpose::Journal), requests: pool.clone() }),
        usage: Arc::new(Usage(pool.clone())),
        signing_keys: Arc::new(SigningKeys(pool.clone())),
        health: Arc::new(Health(pool)),
    })
}

/// A connection for the command line's own work.
pub(crate) fn connect(settings: &PostgresSettings) -> Result<PgConnection, StoreError> {
    use crate::sql::Connect;
    PgConnection::connect(&settings.connection(Purpose::Requests))
        .map_err(|error| StoreError::Unreachable(error.to_string()))
}
