use std::time::Duration;

use async_trait::async_trait;

use crate::Unexpected;

/// Port: credentials that are long over. Each method removes at most `limit` of them, by the store's clock, and returns how
/// many went; callers that come at once do not disturb each other.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RetentionRepository: Send + Sync {
    /// Sessions that were ended longer than `kept` ago, or could not have lasted so long, with their refresh tokens. What
    /// was said in them stays.
    async fn purge_sessions(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected>;

    /// API keys that were revoked, or expired, longer than `kept` ago.
    async fn purge_api_keys(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected>;
}
