use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// Port: writes down that attempts were refused unseen.
///
/// A flood of them must cost next to nothing: an implementation MUST answer at once, and MAY count them and write them
/// down a second later, one row for each address or account and minute.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait RefusalLog: Send + Sync {
    /// An attempt with that account, from that address, was refused by that limit.
    fn note(&self, by: Limit, account: &AccountKey, ip: Option<IpAddr>);
}

/// Why an attempt was not admitted. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// There were too many from that address, or with that account.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// There are too many at this moment, whoever makes them.
    #[error("too many passwords are being compared")]
    Overloaded,
}

/// What every attempt to tell a password passes first: its address's limit, then its account's.
///
/// Those that come when as many are under way as there is room for are refused before the store is asked anything: a
/// flood of logins would otherwise stand before everybody else there.
#[derive(Clone)]
pub struct LoginGate {
    limiter: Arc<dyn RateLimiter>,
    throttle: Arc<dyn LoginThrottle>,
    refusals: Arc<dyn RefusalLog>,
    room: Arc<AtomicUsize>,
}

/// An attempt that may be made, and is charged. Whoever drops it lets the charge stand: the password was wrong, or
/// nobody knows.
#[must_use = "an attempt that succeeds, or comes to nothing, must be told so"]
pub struct Admission {
    throttle: Arc<dyn LoginThrottle>,
    account: AccountKey,
    _place: Place,
}

/// One attempt that is under way.
struct Place(Arc<AtomicUsize>);

impl LoginGate {
    /// The gate over these ports.
    pub fn new(limiter: Arc<dyn RateLimiter>, throttle: Arc<dyn LoginThrottle>) -> Self {
        Self { limiter, throttle, refusals: Arc::new(Unlimited), room: Arc::new(AtomicUsize::new(usize::MAX)) }
    }

    /// The same, where what is refused is written down.
    #[must_use]
    pub fn noting(mut self, refusals: Arc<dyn RefusalLog>) -> Self {
        self.refusals = refusals;
        self
    }

    /// The same, where so many attempts may be under way at once: as many as are compared, and wait to be.
    #[must_use]
    pub fn with_room_for(mut self, attempts: usize) -> Self {
        self.room = Arc::new(AtomicUsize::new(attempts));
        self
    }

    /// A gate that is always open.
    pub fn open() -> Self {
        Self::new(Arc::new(Unlimited), Arc::new(Unlimited))
    }

    /// Admits an attempt with that account's password, from that address if it is known.
    pub async fn admit(&self, ip: Option<IpAddr>, username: &str) -> Result<Admission, NotAdmitted> {
        let account = AccountKey::of(username);
        let admitted = self.admit_to(&account, ip).await;
        if let Err(NotAdmitted::Throttled(throttled)) = &admitted {
            self.refusals.note(throttled.by, &account, ip);
        }
        let place = admitted?;
        Ok(Admission { throttle: self.throttle.clone(), account, _place: place })
    }

    async fn admit_to(&self, account: &AccountKey, ip: Option<IpAddr>) -> Result<Place, NotAdmitted> {
        if let Some(ip) = ip {
            self.limiter.check(Limit::Login, Counted::Address(ip)).await.admitted()?;
        }
        let place = Place::taken_of(&self.room).ok_or(NotAdmitted::Overloaded)?;
        let charged = self.throttle.charge(account).await;
        charged.map_err(|retry_after| Throttled { by: Limit::Account, retry_after })?;
        Ok(place)
    }
}

impl Admission {
    /// The password was right: earlier failures count no more.
    pub async fn succeeded(self) {
        self.throttle.forget(&self.account).await;
    }

    /// No password was compared, for there was no room for it.
    pub async fn came_to_nothing(self) {
        self.throttle.discharge(&self.account).await;
    }
}

impl Place {
    fn taken_of(room: &Arc<AtomicUsize>) -> Option<Self> {
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(1));
        taken.is_ok().then(|| Self(room.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
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
