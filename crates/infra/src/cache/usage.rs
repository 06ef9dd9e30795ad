use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::Unexpected;
use domain::id::UserId;
use domain::usage::{Period, UsageRecord, UsageRepository};
use moka::sync::Cache;

use super::CAPACITY;

/// A usage repository in front of another, which it asks for the tokens of a day at most once per user and moment.
pub struct CachedUsage {
    inner: Arc<dyn UsageRepository>,
    tokens: Cache<(UserId, NaiveDate), u64>,
}

impl CachedUsage {
    /// Remembers what `inner` says of a day for so long.
    pub fn new(inner: Arc<dyn UsageRepository>, moment: Duration) -> Self {
        Self { inner, tokens: Cache::builder().max_capacity(CAPACITY).time_to_live(moment).build() }
    }
}

#[async_trait]
impl UsageRepository for CachedUsage {
    async fn records(&self, user: UserId, period: Period) -> Result<Vec<UsageRecord>, Unexpected> {
        self.inner.records(user, period).await
    }

    async fn tokens_on(&self, user: UserId, day: NaiveDate) -> Result<u64, Unexpected> {
        if let Some(tokens) = self.tokens.get(&(user, day)) {
            return Ok(tokens);
        }
        let tokens = self.inner.tokens_on(user, day).await?;
        self.tokens.insert((user, day), tokens);
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use domain::usage::MockUsageRepository;
    use uuid::Uuid;

    use super::*;

    /// A repository whose answer grows by one each time it is asked.
    fn counting(moment: Duration) -> CachedUsage {
        let (mut inner, asked) = (MockUsageRepository::new(), AtomicU64::new(0));
        inner.expect_tokens_on().returning(move |_, _| Ok(asked.fetch_add(1, Ordering::Relaxed)));
        CachedUsage::new(Arc::new(inner), moment)
    }

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_days_tokens_are_asked_for_once_in_a_moment() {
        let usage = counting(Duration::from_secs(3600));
        let asked = [(1, "2026-01-02"), (1, "2026-01-02"), (2, "2026-01-02"), (1, "2026-01-03"), (1, "2026-01-02")];
        let mut told = Vec::new();
        for (number, text) in asked {
            told.push(usage.tokens_on(user(number), day(text)).await.unwrap());
        }
        assert_eq!(told, [0, 0, 1, 2, 0], "each user's each day is asked for once");
    }

    #[tokio::test]
    async fn after_the_moment_they_are_asked_for_again() {
        let usage = counting(Duration::ZERO);
        for expected in 0..2 {
            assert_eq!(usage.tokens_on(user(1), day("2026-01-02")).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let mut inner = MockUsageRepository::new();
        inner.expect_tokens_on().once().returning(|_, _| Err(Unexpected::unavailable("away")));
        inner.expect_tokens_on().once().returning(|_, _| Ok(7));
        let usage = CachedUsage::new(Arc::new(inner), Duration::from_secs(3600));
        assert!(usage.tokens_on(user(1), day("2026-01-02")).await.unwrap_err().is_unavailable());
        assert_eq!(usage.tokens_on(user(1), day("2026-01-02")).await.unwrap(), 7);
    }
}
