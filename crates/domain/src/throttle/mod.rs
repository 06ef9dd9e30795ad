//! How much is done for one caller: attempts in a time, logins to one account, answers at once.
//!
//! An attempt is charged when it is admitted, so that many at once cannot slip through before the first of them is
//! known to have failed. Where nothing is said about limits, [`Unlimited`] stands behind the ports.

mod failures;
mod limiter;
mod login;
mod streams;
mod turns;
mod unlimited;

pub use failures::Failures;
pub use limiter::{Counted, Decision, Limit, Quota, RateLimiter, Throttled};
pub use login::{AccountKey, Admission, LoginGate, LoginThrottle, NotAdmitted, RefusalLog};
pub use streams::{StreamLimiter, StreamPermit, TooManyStreams};
pub use turns::TurnLimits;
pub use unlimited::Unlimited;

#[cfg(feature = "mock")]
pub use {
    limiter::MockRateLimiter,
    login::{MockLoginThrottle, MockRefusalLog},
    streams::MockStreamLimiter,
};
