use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};

use crate::sql::{Connect, Pool};

/// Connections that only read.
pub(super) type Readers = Pool<SqliteConnection>;

/// How a connection is opened.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    pub path: PathBuf,
    pub access: Access,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Connect for SqliteConnection {
    type Options = ConnectionOptions;

    /// `busy_timeout` comes first: switching to the write-ahead log already takes a lock.
    fn connect(options: &ConnectionOptions) -> ConnectionResult<Self> {
        let path = options.path.to_str().ok_or_else(|| {
            ConnectionError::BadConnection(format!("the path {} is not UTF-8", options.path.display()))
        })?;
        let mut connection = Self::establish(path)?;
        let pragmas = match options.access {
            Access::Write => {
                "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000; PRAGMA cache_size = -8192"
            }
            Access::Read => "PRAGMA busy_timeout = 2000; PRAGMA query_only = ON; PRAGMA cache_size = -2048",
        };
        connection.batch_execute(pragmas).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}
