//! Why the server did not start.

use std::io;
use std::path::PathBuf;

use domain::Unexpected;
use infra::engines::EngineConfigError;
use infra::store::StoreError;

use crate::problem::Problem;
use crate::signing_secret::SecretError;

/// Why the server did not start, or a command could not reach what it works on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no secret to sign tokens with.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no place for the embedded store.
    #[error("the data directory cannot be made: {source}")]
    DataDir {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be used.
    #[error("{source}")]
    Store {
        /// Which store, without its password.
        store: String,
        /// Why.
        source: StoreError,
    },
    /// The store was opened, but did not do the first thing it was asked.
    #[error("the store does not answer: {0}")]
    FirstBeat(Unexpected),
    /// The engine is not set up.
    #[error(transparent)]
    Engine(#[from] EngineConfigError),
    /// The password hasher, or the token issuer, refused its settings.
    #[error("{0}")]
    Crypto(Box<dyn std::error::Error + Send + Sync>),
    /// The address is taken, or not ours.
    #[error("cannot listen on {host} port {port}: {source}")]
    Bind {
        /// The address.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// Nothing can be measured.
    #[error("measuring cannot begin: {0}")]
    Metrics(Box<dyn std::error::Error + Send + Sync>),
    /// The address for measurements is taken, or not ours.
    #[error("cannot listen for /metrics on {host} port {port}: {source}")]
    BindMetrics {
        /// The address.
        host: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The system refused threads or signals.
    #[error("the system refuses what a server needs: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// What to tell a person.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Secret(error) => error.problem(),
            Self::DataDir { path, .. } => {
                Problem::new(self, path.display(), "let COLLOQUY_DATA_DIR name a directory that this user may write")
            }
            Self::Store { store, source: StoreError::SchemaOutdated } => {
                let next = "run `colloquy migrate`, or start with `colloquy serve --auto-migrate`";
                Problem::new(self, store, next)
            }
            Self::Store { store, source: StoreError::Locked(_) } => {
                Problem::new(self, store, "stop that server, and try again; only one can use the file")
            }
            Self::Store { store, source: StoreError::Migration(infra::store::MigrationError::InUse) } => {
                let next = "stop the servers that use it, and try again; one that was killed counts for up to \
                            `replica.lease_ms` more";
                Problem::new(self, store, next)
            }
            Self::Store { store, .. } => {
                Problem::new(self, store, "correct `database.url` (or DATABASE_URL), or mend the store, and try again")
            }
            Self::FirstBeat(_) => Problem::new(self, "the store", "see the log of the store, and try again"),
            Self::Engine(_) => Problem::new(self, "engine", "correct it; docs/CONFIG.md says what each engine needs"),
            Self::Crypto(_) => Problem::new(self, "auth", "correct it; docs/CONFIG.md says what each key means"),
            Self::Bind { .. } => Problem::new(
                self,
                "server.host, server.port",
                "correct the address, stop what listens there, or choose another port with --port or PORT (0 takes a \
                 free one)",
            ),
            Self::Metrics(_) => Problem::new(self, "metrics", "set metrics.port to 0 and metrics.token to nothing"),
            Self::BindMetrics { .. } => Problem::new(
                self,
                "metrics.host, metrics.port",
                "correct the address, stop what listens there, or choose another port (0 is none)",
            ),
            Self::System(_) => Problem::new(self, "this machine", "raise its limits, and try again"),
        }
    }
}
