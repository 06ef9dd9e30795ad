use async_trait::async_trait;
use chrono::NaiveDate;

use super::{Period, UsageRecord};
use crate::Unexpected;
use crate::id::UserId;

/// Port: what turns took, at rest, for reading.
///
/// It is counted by whoever stores how a turn ended, [`crate::chat::TurnJournal::finish`] or
/// [`crate::chat::ReplicaLease::reap`], all or nothing with the turn's end:
///
/// - A turn that ends with an answer MUST be counted once, with the tokens of its answer, on the UTC day of its
///   `completed_at`, for the model that is stored with it; an end that is stored again, or is lost, MUST NOT count.
/// - A turn that fails MUST NOT be counted.
/// - What has been counted MUST stay when the turn goes, and MUST go with the user.
///
/// Neither method may cost more the more turns there are.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UsageRepository: Send + Sync {
    /// What the user's turns took in the period: one record for each day and model of which there is something, by day.
    async fn records(&self, user: UserId, period: Period) -> Result<Vec<UsageRecord>, Unexpected>;

    /// The tokens of both kinds that the user's turns took on that day, whatever the model.
    async fn tokens_on(&self, user: UserId, day: NaiveDate) -> Result<u64, Unexpected>;
}
