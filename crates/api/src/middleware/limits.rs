use std::cell::RefCell;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use async_trait::async_trait;
use domain::throttle::{Counted, Decision, Limit, Quota, RateLimiter};

use crate::error::whole_seconds;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

tokio::task_local! {
    /// The limits that the request of this task has been counted against.
    static COUNTED_AGAINST: RefCell<Vec<Quota>>;
}

/// Layer: tells a client where it stands with the limits that its request was counted against, whatever came of it
/// (draft-ietf-httpapi-ratelimit-headers). What counts them is a [`ToldLimiter`].
///
/// It must lie outside of [`super::envelope`], which writes the responses of errors anew.
pub async fn tell_limits<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let counted = async {
        let mut response = next.call(request).await?;
        COUNTED_AGAINST.with(|quotas| tell(response.headers_mut(), &quotas.borrow()));
        Ok(response)
    };
    COUNTED_AGAINST.scope(RefCell::default(), counted).await
}

/// A limiter in front of another, whose decisions are told in the response to the request that they were made for.
///
/// A decision is made deep in a use case, and what becomes of the request afterwards says nothing of it; that is why it
/// is noted aside.
pub struct ToldLimiter {
    inner: Arc<dyn RateLimiter>,
}

impl ToldLimiter {
    /// Tells what `inner` decides.
    pub fn new(inner: Arc<dyn RateLimiter>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl RateLimiter for ToldLimiter {
    async fn check(&self, limit: Limit, counted: Counted) -> Decision {
        let decision = self.inner.check(limit, counted).await;
        if let Some(quota) = decision.quota() {
            // Outside of a request, on a WebSocket, there is no response to tell it in.
            let _unheard = COUNTED_AGAINST.try_with(|quotas| quotas.borrow_mut().push(*quota));
        }
        decision
    }
}

fn tell(headers: &mut HeaderMap, quotas: &[Quota]) {
    let (mut policies, mut states) = (Vec::new(), Vec::new());
    for Quota { limit, most, window, remaining, reset } in quotas {
        let name = limit.as_str();
        policies.push(format!("\"{name}\";q={most};w={}", window.as_secs()));
        states.push(format!("\"{name}\";r={remaining};t={}", whole_seconds(*reset)));
    }
    for (header, members) in [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, states)] {
        if let Ok(value) = HeaderValue::from_str(&members.join(", "))
            && !members.is_empty()
        {
            headers.insert(header, value);
        }
    }
}
