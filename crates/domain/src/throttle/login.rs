use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Counted, Limit, RateLimiter, Throttled, Unlimited};
use crate::user::Username;

/// The account that somebody wants to log in to, whether it exists or not.
///
/// What cannot be a name at all has one key together, so that no memory is taken by texts of any length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountKey(String);

impl AccountKey {
    /// The key of the account of that name, as it was typed.
    pub fn of(username: &str) -> Self {
        Self(Username::try_from(username.to_owned()).map(|name| name.canonical()).unwrap_or_default())
    }

    /// The name as it is compared; empty for what is no name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Port: counts the attempts to log in to each account, and makes them wait as [`super::Failures`] has it.
///
/// Whether an account exists MUST NOT matter. Deciding and charging MUST be one step, and memory MUST be bounded,
/// whatever names are tried.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait LoginThrottle: Send + Sync {
    /// Admits an attempt and charges it at once; how long to wait if it comes too early, and then it is not charged.
    async fn charge(&self, account: &AccountKey) -> Result<(), Duration>;

    /// Takes back the charge of an attempt that came to nothing: no password was compared.
    async fn discharge(&self, account: &AccountKey);

    /// Forgets all attempts: whoever knows the password was there.
    async fn forget(&self, account: &AccountKey);
}

/// What every attempt to tell a password passes first: its address's limit, then its account's.
#[derive(Clone)]
pub struct LoginGate {
    limiter: Arc<dyn RateLimiter>,
    throttle: Arc<dyn LoginThrottle>,
}

/// An attempt that may be made, and is charged. Whoever drops it lets the charge stand: the password was wrong, or
/// nobody knows.
#[must_use = "an attempt that succeeds, or comes to nothing, must be told so"]
pub struct Admission {
    throttle: Arc<dyn LoginThrottle>,
    account: AccountKey,
}

impl LoginGate {
    /// The gate over these ports.
    pub fn new(limiter: Arc<dyn RateLimiter>, throttle: Arc<dyn LoginThrottle>) -> Self {
        Self { limiter, throttle }
    }

    /// A gate that is always open.
    pub fn open() -> Self {
        Self::new(Arc::new(Unlimited), Arc::new(Unlimited))
    }

    /// Admits an attempt with that account's password, from that address if it is known.
    pub async fn admit(&self, ip: Option<IpAddr>, username: &str) -> Result<Admission, Throttled> {
        if let Some(ip) = ip {
            self.limiter.check(Limit::Login, Counted::Address(ip)).await.admitted()?;
        }
        let account = AccountKey::of(username);
        let charged = self.throttle.charge(&account).await;
        charged.map_err(|retry_after| Throttled { by: Limit::Account, retry_after })?;
        Ok(Admission { throttle: self.throttle.clone(), account })
    }
}

impl Admission {
    /// The password was right: earlier failures count no more.
    pub async fn succeeded(self) {
        self.throttle.forget(&self.account).await;
    }

    /// No password was compared, because of a failure of ours.
    pub async fn came_to_nothing(self) {
        self.throttle.discharge(&self.account).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_known_by_its_name_in_whatever_case() {
        assert_eq!(AccountKey::of("Ada"), AccountKey::of("aDA"));
        assert_ne!(AccountKey::of("ada"), AccountKey::of("bob"));
    }

    #[test]
    fn what_is_no_name_takes_no_memory_of_its_own() {
        assert_eq!(AccountKey::of(&"x".repeat(1_000_000)), AccountKey::of("no name"));
        assert_eq!(AccountKey::of("no name").as_str(), "");
    }
}
