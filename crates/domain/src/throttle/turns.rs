use std::sync::Arc;

use super::{Counted, Limit, RateLimiter, StreamLimiter, StreamPermit, Throttled, TooManyStreams, Unlimited};
use crate::id::UserId;

/// What a user may ask and read.
#[derive(Clone)]
pub struct TurnLimits {
    limiter: Arc<dyn RateLimiter>,
    streams: Arc<dyn StreamLimiter>,
}

impl TurnLimits {
    /// The limits over these ports.
    pub fn new(limiter: Arc<dyn RateLimiter>, streams: Arc<dyn StreamLimiter>) -> Self {
        Self { limiter, streams }
    }

    /// No limits.
    pub fn none() -> Self {
        Self::new(Arc::new(Unlimited), Arc::new(Unlimited))
    }

    /// One more question.
    pub async fn question(&self, user: UserId) -> Result<(), Throttled> {
        self.limiter.check(Limit::Turns, Counted::User(user)).await.admitted()
    }

    /// One more answer to be made or read, for as long as the permit is there.
    pub async fn stream(&self, user: UserId) -> Result<StreamPermit, TooManyStreams> {
        self.streams.enter(user).await
    }
}
