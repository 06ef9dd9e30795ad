use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::{
    AccountKey, Counted, Decision, Limit, LoginThrottle, RateLimiter, RefusalLog, StreamLimiter, StreamPermit,
    TooManyStreams,
};
use crate::id::UserId;

/// No limit at all, behind each of the ports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

#[async_trait]
impl RateLimiter for Unlimited {
    async fn check(&self, _: Limit, _: Counted) -> Decision {
        Decision::Unlimited
    }
}

#[async_trait]
impl LoginThrottle for Unlimited {
    async fn charge(&self, _: &AccountKey) -> Result<(), Duration> {
        Ok(())
    }

    async fn discharge(&self, _: &AccountKey) {}

    async fn forget(&self, _: &AccountKey) {}
}

#[async_trait]
impl StreamLimiter for Unlimited {
    async fn enter(&self, _: UserId) -> Result<StreamPermit, TooManyStreams> {
        Ok(StreamPermit::uncounted())
    }
}

impl RefusalLog for Unlimited {
    fn note(&self, _: Limit, _: &AccountKey, _: Option<IpAddr>) {}
}
