//! Time comes in through a port, so that a test can hold it still.

use chrono::{DateTime, Utc};

/// Port: the wall clock.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present moment in UTC, in whole microseconds (the resolution that both stores keep).
    fn now(&self) -> DateTime<Utc>;
}
