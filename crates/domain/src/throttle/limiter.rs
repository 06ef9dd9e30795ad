use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use crate::id::UserId;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Logins from one address.
    Login,
    /// Logins to one account. Its waits grow, so that it is a [`super::LoginThrottle`] that counts them.
    Account,
    /// Registrations from one address.
    Registration,
    /// Questions of one user.
    Turns,
}

impl Limit {
    /// The name that clients and operators are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Account => "account",
            Self::Registration => "registration",
            Self::Turns => "turns",
        }
    }
}

/// Whose attempts are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Whoever comes from that address.
    Address(IpAddr),
    /// That user, wherever they come from.
    User(UserId),
}

/// Where somebody stands with a limit after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Which limit.
    pub limit: Limit,
    /// The most attempts in `window`.
    pub most: u32,
    /// The time that `most` is for.
    pub window: Duration,
    /// How many more would be admitted at once.
    pub remaining: u32,
    /// How long until all of `most` is there again, if nothing is attempted.
    pub reset: Duration,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing limits it.
    Unlimited,
    /// It is admitted, and counted.
    Allowed(Quota),
    /// It is refused, and not counted.
    Denied {
        /// Where the limit stands.
        quota: Quota,
        /// How long until the next one is admitted.
        retry_after: Duration,
    },
}

impl Decision {
    /// Where the limit stands, if there is one.
    pub const fn quota(&self) -> Option<&Quota> {
        match self {
            Self::Unlimited => None,
            Self::Allowed(quota) | Self::Denied { quota, .. } => Some(quota),
        }
    }

    /// An error if the attempt is refused.
    pub const fn admitted(self) -> Result<(), Throttled> {
        match self {
            Self::Unlimited | Self::Allowed(_) => Ok(()),
            Self::Denied { quota, retry_after } => Err(Throttled { by: quota.limit, retry_after }),
        }
    }
}

/// It was too much for a limit; nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much for the limit {}; wait {retry_after:?}", by.as_str())]
pub struct Throttled {
    /// Which limit. It is not for the client, who would learn whether it is an address or an account that is watched.
    pub by: Limit,
    /// How long to wait; an attempt before is refused as well.
    pub retry_after: Duration,
}

/// Port: counts attempts, and refuses those that are too many.
///
/// An implementation MUST admit a burst of as many as the limit allows in its window and refill it evenly, MUST decide
/// and count in one step, MUST NOT count what it refuses, MUST hold a bounded amount of memory whoever comes, and MUST
/// admit what it cannot decide, for a counter that is away is no reason to keep everybody out.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Whether one more attempt is admitted.
    async fn check(&self, limit: Limit, counted: Counted) -> Decision;
}
