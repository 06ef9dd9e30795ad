//! What every engine is wrapped in, so that a fault of the model behind it costs as little as it can.
//!
//! | module | what it does | promise of the design |
//! | --- | --- | --- |
//! | [`Timed`] | takes a model that shows no sign of life for dead | R17 |
//! | [`Retried`] | asks again, if nothing was told yet and the failure may pass | R15, R20 |
//! | [`Breaking`] | spares a model that keeps failing, and whoever would wait for it | R16 |
//! | [`Fallback`] | asks a second model, if nothing was told yet | R20 |
//! | [`Capped`] | ends an answer that has no end | R18 |
//! | `begun` | tells a failure before the first output from one after it | R20 |
//!
//! [`guarded`] stacks them, and the order says who sees whose failures. From the inside out:
//!
//! 1. *Timed* is next to the engine, because it alone must see every [`EngineEvent::Progress`]; the layers above wait
//!    for output.
//! 2. *Retried* gives each attempt timers of its own, and makes of both attempts one failure.
//! 3. *Breaking* therefore counts questions and not attempts, and what it refuses is not tried again.
//! 4. *Fallback* is outside the breaker, so that an open one leads to the second model at once; that has a breaker of
//!    its own.
//! 5. *Capped* is outermost: its time is for the whole answer, whoever gave it and at whatever attempt.
//!
//! [`EngineEvent::Progress`]: domain::chat::EngineEvent::Progress

mod begun;
mod breaking;
mod capped;
mod fallback;
mod retried;
mod timed;

#[cfg(test)]
mod fake;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use domain::chat::{ChatEngine, EngineError, EngineEvent, EngineStream};
use domain::conversation::ModelName;
use futures_util::StreamExt as _;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

pub use breaking::{Breaking, Tolerance};
pub use capped::{Capped, Caps};
pub use fallback::Fallback;
pub use retried::Retried;
pub use timed::{Patience, Timed};

/// How an engine is guarded. A breaker's numbers are no setting: see [`Tolerance::default`].
#[derive(Clone, Debug)]
pub struct GuardSettings {
    /// How long a silent model is believed to be alive.
    pub patience: Patience,
    /// How often a question is asked again at the most.
    pub retries: u32,
    /// The model that is asked when the asked one fails; one that the engine offers.
    pub fallback: Option<ModelName>,
    /// The most of an answer.
    pub caps: Caps,
}

/// The engine, with all of the above around it.
pub fn guarded(engine: Arc<dyn ChatEngine>, settings: GuardSettings) -> Arc<dyn ChatEngine> {
    let timed = Timed::new(engine, settings.patience);
    let retried = Retried::new(Arc::new(timed), settings.retries);
    let breaking: Arc<dyn ChatEngine> = Arc::new(Breaking::new(Arc::new(retried), Tolerance::default()));
    let replaced = match settings.fallback {
        Some(model) => Arc::new(Fallback::new(breaking, model)),
        None => breaking,
    };
    Arc::new(Capped::new(replaced, settings.caps))
}

/// The next event, if it comes in time. A timer is set only where there is something to wait for: many engines tell
/// several tokens at once.
async fn next_by(
    events: &mut EngineStream,
    deadline: Instant,
) -> Result<Option<Result<EngineEvent, EngineError>>, Elapsed> {
    match poll_fn(|context| Poll::Ready(events.poll_next_unpin(context))).await {
        Poll::Ready(event) => Ok(event),
        Poll::Pending => timeout_at(deadline, events.next()).await,
    }
}

/// The model that a request is for, as labels of metrics have it.
fn asked_model(engine: &dyn ChatEngine, asked: Option<&ModelName>) -> Option<ModelName> {
    asked.cloned().or_else(|| engine.models().into_iter().next().map(|first| first.name))
}

/// A time that a timer can be set for, which the end of the universe is not.
fn bounded(time: Duration) -> Duration {
    time.min(Duration::from_secs(7 * 24 * 60 * 60))
}

#[cfg(test)]
mod tests;
