use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use domain::id::UserId;
use domain::throttle::{Counted, Decision, Limit, Quota, RateLimiter};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, RateLimiter as Governor};

use super::refused;

/// How often those are forgotten who have had their whole quota again for a while.
const SWEEP: Duration = Duration::from_secs(30);
/// The time that the limits are for.
const WINDOW: Duration = Duration::from_secs(60);

/// The most attempts in a minute; 0 is as many as one likes.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimits {
    /// Logins from one address.
    pub login: u32,
    /// Registrations from one address.
    pub registration: u32,
    /// Questions of one user.
    pub turns: u32,
}

/// Who is counted: an IPv6 network of 64 bits is one, for whoever has an address there has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    V4(Ipv4Addr),
    V6([u16; 4]),
    User(UserId),
}

/// Counts by GCRA: a bucket for each caller, refilled evenly.
pub struct AttemptLimiter<C: Clock = DefaultClock> {
    login: Option<Bucket<C>>,
    registration: Option<Bucket<C>>,
    turns: Option<Bucket<C>>,
}

struct Bucket<C: Clock> {
    limit: Limit,
    governor: Governor<Key, DashMapStateStore<Key>, C, StateInformationMiddleware>,
    clock: C,
}

impl AttemptLimiter {
    /// A limiter that forgets by itself. It must be made inside a runtime.
    pub fn start(limits: AttemptLimits) -> Arc<Self> {
        let limiter = Arc::new(Self::with_clock(limits, &DefaultClock::default()));
        tokio::spawn(sweep(Arc::downgrade(&limiter)));
        limiter
    }
}

impl<C: Clock + Clone> AttemptLimiter<C> {
    fn with_clock(limits: AttemptLimits, clock: &C) -> Self {
        let bucket = |limit, most| NonZeroU32::new(most).map(|most| Bucket::new(limit, most, clock));
        Self {
            login: bucket(Limit::Login, limits.login),
            registration: bucket(Limit::Registration, limits.registration),
            turns: bucket(Limit::Turns, limits.turns),
        }
    }

    fn forget_the_idle(&self) {
        for bucket in [&self.login, &self.registration, &self.turns].into_iter().flatten() {
            bucket.governor.retain_recent();
            bucket.governor.shrink_to_fit();
        }
    }
}

async fn sweep(limiter: Weak<AttemptLimiter>) {
    let mut due = tokio::time::interval(SWEEP);
    loop {
        due.tick().await;
        let Some(limiter) = limiter.upgrade() else { return };
        limiter.forget_the_idle();
    }
}

#[async_trait]
impl<C> RateLimiter for AttemptLimiter<C>
where
    C: Clock + Send + Sync,
    C::Instant: Send + Sync,
{
    async fn check(&self, limit: Limit, counted: Counted) -> Decision {
        let bucket = match limit {
            Limit::Login => &self.login,
            Limit::Registration => &self.registration,
            Limit::Turns => &self.turns,
            Limit::Account => return Decision::Unlimited,
        };
        bucket.as_ref().map_or(Decision::Unlimited, |bucket| bucket.check(Key::of(counted)))
    }
}

impl<C: Clock + Clone> Bucket<C> {
    fn new(limit: Limit, most: NonZeroU32, clock: &C) -> Self {
        let quota = governor::Quota::per_minute(most);
        let governor = Governor::new(quota, DashMapStateStore::default(), clock.clone());
        Self { limit, governor, clock: clock.clone() }
    }
}

impl<C: Clock> Bucket<C> {
    fn check(&self, key: Key) -> Decision {
        match self.governor.check_key(&key) {
            Ok(admitted) => {
                let remaining = admitted.remaining_burst_capacity();
                let missing = admitted.quota().burst_size().get().saturating_sub(remaining);
                Decision::Allowed(self.quota(admitted.quota(), remaining, missing, Duration::ZERO))
            }
            Err(denied) => {
                refused(self.limit.as_str());
                self.denied(&denied)
            }
        }
    }

    fn denied(&self, denied: &NotUntil<C::Instant>) -> Decision {
        let retry_after = denied.wait_time_from(self.clock.now());
        let missing = denied.quota().burst_size().get() - 1;
        Decision::Denied { quota: self.quota(denied.quota(), 0, missing, retry_after), retry_after }
    }

    /// `missing` come back one by one, the first of them after `first` if that is something else.
    fn quota(&self, quota: governor::Quota, remaining: u32, missing: u32, first: Duration) -> Quota {
        let reset = first + quota.replenish_interval() * missing;
        Quota { limit: self.limit, most: quota.burst_size().get(), window: WINDOW, remaining, reset }
    }
}

impl Key {
    fn of(counted: Counted) -> Self {
        match counted {
            Counted::User(user) => Self::User(user),
            Counted::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => Self::V4(address),
                IpAddr::V6(address) => {
                    let [a, b, c, d, ..] = address.segments();
                    Self::V6([a, b, c, d])
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use uuid::Uuid;

    use super::*;

    const LIMITS: AttemptLimits = AttemptLimits { login: 10, registration: 2, turns: 0 };

    fn limiter() -> (AttemptLimiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (AttemptLimiter::with_clock(LIMITS, &clock), clock)
    }

    fn address(text: &str) -> Counted {
        Counted::Address(text.parse().unwrap())
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test]
    async fn s02_a_burst_is_admitted_and_refilled_evenly() {
        let (limiter, clock) = limiter();
        let attempt = async || limiter.check(Limit::Login, address("192.0.2.1")).await;
        for nth in 1..=10 {
            let quota = Quota {
                limit: Limit::Login,
                most: 10,
                window: seconds(60),
                remaining: 10 - nth,
                reset: seconds(6) * nth,
            };
            assert_eq!(attempt().await, Decision::Allowed(quota));
        }
        let quota = Quota { limit: Limit::Login, most: 10, window: seconds(60), remaining: 0, reset: seconds(60) };
        for _ in 0..3 {
            assert_eq!(attempt().await, Decision::Denied { quota, retry_after: seconds(6) }, "it is not counted");
        }
        clock.advance(Duration::from_millis(5_999));
        assert!(attempt().await.admitted().is_err());
        clock.advance(Duration::from_millis(1));
        assert!(attempt().await.admitted().is_ok());
        assert!(attempt().await.admitted().is_err());
    }

    #[tokio::test]
    async fn every_limit_and_every_caller_is_counted_apart() {
        let (limiter, _) = limiter();
        for _ in 0..10 {
            assert!(limiter.check(Limit::Login, address("192.0.2.1")).await.admitted().is_ok());
        }
        assert!(limiter.check(Limit::Login, address("192.0.2.1")).await.admitted().is_err());
        assert!(limiter.check(Limit::Login, address("192.0.2.2")).await.admitted().is_ok());
        assert!(limiter.check(Limit::Registration, address("192.0.2.1")).await.admitted().is_ok());
        let user = Counted::User(UserId::from_uuid(Uuid::from_u128(1)));
        for _ in 0..1000 {
            assert_eq!(limiter.check(Limit::Turns, user).await, Decision::Unlimited, "0 is no limit");
        }
    }

    #[tokio::test]
    async fn s04_an_ipv6_network_of_64_bits_is_one_caller() {
        let (limiter, _) = limiter();
        for host in ["::1", "::2"] {
            let address = address(&format!("2001:db8:1:2{host}"));
            assert!(limiter.check(Limit::Registration, address).await.admitted().is_ok());
        }
        let attempt = async |text: &str| limiter.check(Limit::Registration, address(text)).await.admitted();
        assert!(attempt("2001:db8:1:2:ffff::3").await.is_err());
        assert!(attempt("2001:db8:1:3::1").await.is_ok());
        // An IPv4 address in an IPv6 one is itself, and not one of a network of them all.
        for text in ["::ffff:192.0.2.1", "192.0.2.1"] {
            assert!(attempt(text).await.is_ok());
        }
        assert!(attempt("::ffff:192.0.2.1").await.is_err());
        assert!(attempt("::ffff:192.0.2.2").await.is_ok());
    }

    #[tokio::test]
    async fn who_has_the_whole_quota_again_is_forgotten() {
        let (limiter, clock) = limiter();
        for last in 0..=255 {
            limiter.check(Limit::Login, address(&format!("192.0.2.{last}"))).await;
        }
        let held = || limiter.login.as_ref().unwrap().governor.len();
        limiter.forget_the_idle();
        assert_eq!(held(), 256);
        clock.advance(seconds(12));
        limiter.forget_the_idle();
        assert_eq!(held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn it_forgets_by_itself() {
        let limiter = AttemptLimiter::start(AttemptLimits { login: u32::MAX, ..LIMITS });
        limiter.check(Limit::Login, address("192.0.2.1")).await;
        let governor = || &limiter.login.as_ref().unwrap().governor;
        assert_eq!(governor().len(), 1);
        // The quota is whole again after a few nanoseconds, which are the machine's own; the sweep is due by the paused clock.
        for _ in 0..100 {
            tokio::time::sleep(SWEEP).await;
        }
        assert!(governor().is_empty());
    }
}
