//! Whether the store can be used at this moment.

use async_trait::async_trait;

use crate::Unexpected;

/// Port: the store's health, for a readiness check.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Succeeds if the store can be reached and has the schema that this build expects.
    ///
    /// It MUST answer within three seconds, whatever state the store is in.
    async fn check(&self) -> Result<(), Unexpected>;
}
