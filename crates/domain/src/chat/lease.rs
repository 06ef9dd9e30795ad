use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::Unexpected;
use crate::id::{ReplicaId, TurnId};

/// Port: which processes are alive, so that the turns of the dead can be closed.
///
/// Leases are compared by the store's own clock.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ReplicaLease: Send + Sync {
    /// Says that this process is alive and will say so again within `lease`.
    async fn renew(&self, replica: ReplicaId, lease: Duration) -> Result<(), Unexpected>;

    /// Closes every running turn whose process holds no lease: `incomplete` / `server_restart`, with the text
    /// that was stored of it, `completed_at` being `now`. Returns the turns that were closed.
    ///
    /// What `by`, who reaps, runs itself MUST be left alone, however long its own lease has been over: it lives.
    async fn reap(&self, by: ReplicaId, now: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected>;

    /// Gives the lease up: what still runs here may be reaped at once.
    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected>;
}
