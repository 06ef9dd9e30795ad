//! Time comes in through a port, so that a test can hold it still.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Port: the wall clock.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present moment in UTC, in whole microseconds (the resolution that both stores keep).
    fn now(&self) -> DateTime<Utc>;
}

/// Port: letting time pass.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Pause: Send + Sync {
    /// Resolves once so much time has passed.
    async fn pause(&self, time: Duration);
}
