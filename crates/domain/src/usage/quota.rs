use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{Days, NaiveTime};

use super::UsageRepository;
use crate::Unexpected;
use crate::clock::Clock;
use crate::id::UserId;

/// Why a question is not taken.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// The user has had what may be had.
    #[error("the quota is used up")]
    Exceeded {
        /// When there is more.
        retry_after: Duration,
    },
    /// What was used could not be found out.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Port: whether a user may have more. It is asked before every question.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Quota: Send + Sync {
    /// Nothing if the user may ask another question.
    async fn check(&self, user: UserId) -> Result<(), QuotaError>;
}

/// So many tokens in a UTC day. A question is taken as long as fewer have been counted, and its answer is then made to the
/// end: turns that run together may take more than there was left.
pub struct TokensPerDay {
    limit: NonZeroU64,
    usage: Arc<dyn UsageRepository>,
    clock: Arc<dyn Clock>,
}

impl TokensPerDay {
    /// At most `limit` tokens of both kinds.
    pub fn new(limit: NonZeroU64, usage: Arc<dyn UsageRepository>, clock: Arc<dyn Clock>) -> Self {
        Self { limit, usage, clock }
    }
}

#[async_trait]
impl Quota for TokensPerDay {
    async fn check(&self, user: UserId) -> Result<(), QuotaError> {
        let now = self.clock.now();
        if self.usage.tokens_on(user, now.date_naive()).await? < self.limit.get() {
            return Ok(());
        }
        let midnight =
            now.date_naive().checked_add_days(Days::new(1)).map(|day| day.and_time(NaiveTime::MIN).and_utc());
        let retry_after = midnight.and_then(|midnight| midnight.signed_duration_since(now).to_std().ok());
        Err(QuotaError::Exceeded { retry_after: retry_after.unwrap_or_default() })
    }
}
