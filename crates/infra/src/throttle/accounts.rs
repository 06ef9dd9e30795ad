use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::clock::Clock;
use domain::throttle::{AccountKey, Failures, Limit, LoginThrottle};
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::refused;

/// The most accounts that are remembered. Beyond it those are forgotten that were tried least often and longest ago.
const CAPACITY: u64 = 100_000;

/// Remembers the attempts to log in to each account.
pub struct AccountThrottle {
    clock: Arc<dyn Clock>,
    failures: Cache<AccountKey, Failures>,
}

impl AccountThrottle {
    /// Nothing is remembered yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, failures: Cache::builder().max_capacity(CAPACITY).time_to_live(Failures::MEMORY).build() }
    }
}

#[async_trait]
impl LoginThrottle for AccountThrottle {
    async fn charge(&self, account: &AccountKey) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut wait = None;
        // One attempt after another for each account: no two see the same past.
        self.failures.entry_by_ref(account).and_compute_with(|before| {
            match Failures::charge(before.map(moka::Entry::into_value), now) {
                Ok(charged) => Op::Put(charged),
                Err(too_early) => {
                    wait = Some(too_early);
                    Op::Nop
                }
            }
        });
        match wait {
            Some(wait) => {
                refused(Limit::Account.as_str());
                Err(wait)
            }
            None => Ok(()),
        }
    }

    async fn discharge(&self, account: &AccountKey) {
        self.failures.entry_by_ref(account).and_compute_with(|before| {
            match before.map(|before| before.into_value().discharge()) {
                Some(Some(left)) => Op::Put(left),
                Some(None) => Op::Remove,
                None => Op::Nop,
            }
        });
    }

    async fn forget(&self, account: &AccountKey) {
        self.failures.invalidate(account);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use chrono::{DateTime, Utc};

    use super::*;

    #[derive(Clone)]
    struct HeldClock(Arc<Mutex<DateTime<Utc>>>);

    impl Clock for HeldClock {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }
    }

    fn throttle() -> (AccountThrottle, HeldClock) {
        let clock = HeldClock(Arc::new(Mutex::new(DateTime::UNIX_EPOCH)));
        (AccountThrottle::new(Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn s03_an_account_is_throttled_whatever_its_name_and_no_other_with_it() {
        let (throttle, clock) = throttle();
        for name in ["ada", "no such account"] {
            let account = AccountKey::of(name);
            for _ in 0..5 {
                assert_eq!(throttle.charge(&account).await, Ok(()));
            }
            for _ in 0..3 {
                assert_eq!(throttle.charge(&account).await, Err(Duration::from_secs(1)));
            }
        }
        assert_eq!(throttle.charge(&AccountKey::of("bob")).await, Ok(()));
        *clock.0.lock().unwrap() += Duration::from_secs(1);
        assert_eq!(throttle.charge(&AccountKey::of("ADA")).await, Ok(()));
        assert_eq!(throttle.charge(&AccountKey::of("ADA")).await, Err(Duration::from_secs(2)));
    }

    #[tokio::test]
    async fn an_attempt_that_succeeds_or_comes_to_nothing_is_not_held_against_anybody() {
        let (throttle, _) = throttle();
        let ada = AccountKey::of("ada");
        for _ in 0..100 {
            assert_eq!(throttle.charge(&ada).await, Ok(()));
            throttle.discharge(&ada).await;
        }
        assert_eq!(throttle.failures.get(&ada), None);
        for _ in 0..5 {
            assert_eq!(throttle.charge(&ada).await, Ok(()));
        }
        assert!(throttle.charge(&ada).await.is_err());
        throttle.forget(&ada).await;
        assert_eq!(throttle.charge(&ada).await, Ok(()));
        throttle.discharge(&AccountKey::of("nobody")).await;
    }

    #[test]
    fn s03_of_many_at_once_no_more_than_five_are_admitted() {
        let (throttle, _) = throttle();
        let admitted = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    for _ in 0..100 {
                        if runtime.block_on(throttle.charge(&AccountKey::of("ada"))).is_ok() {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 5);
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let (throttle, _) = throttle();
        for number in 0..CAPACITY + 1000 {
            throttle.charge(&AccountKey::of(&format!("name{number}"))).await.unwrap();
        }
        throttle.failures.run_pending_tasks();
        assert!(throttle.failures.entry_count() <= CAPACITY, "{}", throttle.failures.entry_count());
    }
}
