//! What is limited, and by what: a part of the composition root.

use std::num::NonZeroUsize;
use std::sync::Arc;

use api::middleware::ToldLimiter;
use domain::clock::Clock;
use domain::throttle::{LoginGate, LoginThrottle, RateLimiter, RefusalLog, StreamLimiter, TurnLimits, Unlimited};
use infra::crypto::Argon2Settings;
use infra::throttle::{AccountThrottle, AttemptLimiter, StreamCounts};

use crate::settings::RateLimitSettings;
use crate::translate;

/// The limits, for the use cases that they are for.
pub struct Limits {
    /// Of registering.
    pub attempts: Arc<dyn RateLimiter>,
    /// Of telling passwords.
    pub gate: LoginGate,
    /// Of asking and reading.
    pub turns: TurnLimits,
}

/// The limits that the settings say. How many passwords there is room for does not depend on whether clients are
/// limited. It must run inside the main runtime.
pub fn compose(
    settings: &RateLimitSettings,
    hashing: &Argon2Settings,
    clock: Arc<dyn Clock>,
    refusals: impl FnOnce() -> Arc<dyn RefusalLog>,
) -> Limits {
    let room = hashing.concurrency + hashing.queue;
    if !settings.enabled {
        let gate = LoginGate::open().with_room_for(room);
        return Limits { attempts: Arc::new(Unlimited), gate, turns: TurnLimits::none() };
    }
    let attempts: Arc<dyn RateLimiter> =
        Arc::new(ToldLimiter::new(AttemptLimiter::start(translate::attempts(settings))));
    let accounts: Arc<dyn LoginThrottle> =
        if settings.account_backoff { Arc::new(AccountThrottle::new(clock)) } else { Arc::new(Unlimited) };
    let streams: Arc<dyn StreamLimiter> = match NonZeroUsize::new(settings.concurrent_streams.count()) {
        Some(most) => Arc::new(StreamCounts::new(most)),
        None => Arc::new(Unlimited),
    };
    let gate = LoginGate::new(attempts.clone(), accounts).with_room_for(room).noting(refusals());
    Limits { gate, turns: TurnLimits::new(attempts.clone(), streams), attempts }
}
