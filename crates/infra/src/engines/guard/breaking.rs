use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ChatEngine, EngineError, EngineErrorKind, EngineRequest, EngineStream, OfferedModel};
use domain::conversation::ModelName;
use futures_core::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerError, CircuitBreakerLayer, CircuitState, FailureClassifier, SlidingWindowType,
};
use tower_service::Service;

use super::begun::begun;

/// The most calls of a second that are counted. The crate goes through its whole window at every call, which is nothing
/// for a language model, and much for an engine that answers ten thousand questions a second.
const COUNTED_PER_SECOND: u32 = 100;

/// What a model may get wrong before it is left alone, and how it gets back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The least share of failures that opens the breaker.
    pub failure_rate: f64,
    /// The fewest calls that say anything.
    pub least_calls: usize,
    /// How far back calls count.
    pub window: Duration,
    /// How long a model is left alone before one question is let through to it.
    pub open: Duration,
}

impl Default for Tolerance {
    /// R16: open at half of twenty calls within 30 s; after 5 s one is let through, which leaves as much for its answer
    /// if the breaker shall be closed 10 s after the model is back.
    fn default() -> Self {
        Self { failure_rate: 0.5, least_calls: 20, window: Duration::from_secs(30), open: Duration::from_secs(5) }
    }
}

/// An engine with a circuit breaker for each of its models (R16): one that keeps failing is left alone, and whoever
/// asks for it hears so at once, with the time after which it is worth asking again.
///
/// Failures are [`EngineErrorKind::Unavailable`] and [`EngineErrorKind::Timeout`] before the first output. One user's
/// refused question says nothing against a model, and an answer that breaks off later shows that it can begin.
///
/// The breaker is that of `tower-resilience-circuitbreaker` (docs/adr/0014), whose clock is the machine's and not
/// tokio's. Around it stand two things that it lacks: a call that began before the last change of state has no
/// say in the next one, or timeouts from before an outage's end would open the breaker again and again; and of very
/// many calls only some are counted.
pub struct Breaking {
    engine: Arc<dyn ChatEngine>,
    breakers: Vec<Breaker>,
    open: Duration,
}

impl Breaking {
    /// `engine`, and what each of its models may get wrong.
    pub fn new(engine: Arc<dyn ChatEngine>, tolerance: Tolerance) -> Self {
        let models = engine.models();
        let breakers = models.into_iter().map(|offered| Breaker::new(offered.name, engine.clone(), tolerance));
        Self { breakers: breakers.collect(), open: tolerance.open, engine }
    }

    /// The time until a question is let through to the model again.
    async fn refusal(&self, breaker: &Breaker) -> EngineError {
        let since = breaker.circuit.metrics().await.time_since_state_change;
        let after = self.open.saturating_sub(since).max(Duration::from_secs(1));
        let text = format!("the circuit breaker of the model {} is open", breaker.model.as_str());
        EngineError::new(EngineErrorKind::Unavailable, text).with_retry_after(Some(after))
    }
}

#[async_trait]
impl ChatEngine for Breaking {
    fn models(&self) -> Vec<OfferedModel> {
        self.engine.models()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        let breaker = match &request.model {
            Some(name) => self.breakers.iter().find(|breaker| breaker.model == *name),
            None => self.breakers.first(),
        };
        // What is not offered is for the engine to refuse.
        let Some(breaker) = breaker else { return self.engine.answer(request).await };
        match breaker.ask(request).await {
            Ok(events) => Ok(events),
            Err(CircuitBreakerError::Inner(error)) => Err(error),
            Err(CircuitBreakerError::OpenCircuit) => Err(self.refusal(breaker).await),
        }
    }
}

type Begun = Result<EngineStream, EngineError>;

/// The breaker of one model.
struct Breaker {
    model: ModelName,
    circuit: CircuitBreaker<Upstream, Outages>,
    counted: Quota,
}

impl Breaker {
    fn new(model: ModelName, engine: Arc<dyn ChatEngine>, tolerance: Tolerance) -> Self {
        let era = Arc::new(AtomicU64::new(0));
        let (label, changes) = (model.as_str().to_owned(), era.clone());
        show(&label, CircuitState::Closed);
        let circuit = CircuitBreakerLayer::builder()
            .name(label.clone())
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(tolerance.window)
            .minimum_number_of_calls(tolerance.least_calls)
            .failure_rate_threshold(tolerance.failure_rate)
            .wait_duration_in_open(tolerance.open)
            .permitted_calls_in_half_open(1)
            .on_state_transition(move |_, state| {
                changes.fetch_add(1, Ordering::AcqRel);
                show(&label, state);
            })
            .failure_classifier_type(Outages)
            .build();
        #[expect(clippy::expect_used, reason = "the tolerance is a constant of this crate, or of a test")]
        let circuit = circuit.expect("a share of failures between 0 and 1");
        let circuit = circuit.layer_fn(Upstream { engine, era });
        Self { model, circuit, counted: Quota::default() }
    }

    async fn ask(&self, request: EngineRequest) -> Result<EngineStream, CircuitBreakerError<EngineError>> {
        if self.circuit.state_sync() == CircuitState::Closed && !self.counted.take() {
            return begun(&*self.circuit.get_ref().engine, request).await.map_err(CircuitBreakerError::Inner);
        }
        let (late, outcome) = oneshot::channel();
        let mut circuit = self.circuit.clone();
        tokio::select! {
            biased;
            // Not asked whether it is ready: the engine always is, and when two callers ask at once the circuit has
            // one of them wait.
            begun = circuit.call(Call { request, late }) => begun,
            Ok(begun) = outcome => begun.map_err(CircuitBreakerError::Inner),
        }
    }
}

/// What the circuit breaks.
#[derive(Clone)]
struct Upstream {
    engine: Arc<dyn ChatEngine>,
    /// How often the circuit has changed its state.
    era: Arc<AtomicU64>,
}

struct Call {
    request: EngineRequest,
    /// Where the outcome goes if the circuit shall not count it.
    late: oneshot::Sender<Begun>,
}

impl Service<Call> for Upstream {
    type Response = EngineStream;
    type Error = EngineError;
    type Future = BoxFuture<'static, Begun>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let Self { engine, era } = self.clone();
        let admitted = era.load(Ordering::Acquire);
        Box::pin(async move {
            let begun = begun(&*engine, call.request).await;
            if era.load(Ordering::Acquire) == admitted {
                return begun;
            }
            // Whoever asked takes it from there, and drops this future, of which the circuit then counts nothing.
            drop(call.late.send(begun));
            std::future::pending().await
        })
    }
}

/// Which outcomes speak against a model.
#[derive(Clone, Copy)]
struct Outages;

impl FailureClassifier<EngineStream, EngineError> for Outages {
    fn classify(&self, begun: &Begun) -> bool {
        let failure = begun.as_ref().err().map(|error| error.kind);
        matches!(failure, Some(EngineErrorKind::Unavailable | EngineErrorKind::Timeout))
    }
}

/// Shows operators the state: in the log, and in the metrics as 0 (closed), 1 (half-open) or 2 (open).
fn show(model: &str, state: CircuitState) {
    let number = match state {
        CircuitState::Closed => 0.0,
        CircuitState::HalfOpen => 1.0,
        CircuitState::Open => 2.0,
    };
    metrics::gauge!("colloquy_engine_breaker_state", "model" => model.to_owned()).set(number);
    match state {
        CircuitState::Open => tracing::warn!(model, "the model keeps failing and is left alone"),
        CircuitState::HalfOpen => tracing::info!(model, "the model is tried again"),
        CircuitState::Closed => tracing::debug!(model, "the model is asked"),
    }
}

/// So many a second.
#[derive(Default)]
struct Quota(Mutex<Option<(Instant, u32)>>);

impl Quota {
    /// Whether there was one left.
    fn take(&self) -> bool {
        let now = Instant::now();
        let mut quota = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, taken) = quota.filter(|(since, _)| now - *since < Duration::from_secs(1)).unwrap_or((now, 0));
        *quota = Some((since, taken.saturating_add(1)));
        taken < COUNTED_PER_SECOND
    }
}

#[cfg(test)]
mod tests;
