use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ChatEngine, EngineError, EngineErrorKind, EngineRequest, EngineStream, OfferedModel};

use super::begun::begun;

/// The least and the most pause before another attempt, in milliseconds; between them it is random, so that
/// questions that failed together do not come back together.
const PAUSE: std::ops::Range<u32> = 100..400;

/// The most that an engine may ask to be left alone if whoever asked is still to wait for it; beyond that the time
/// is passed on.
const PATIENT: Duration = Duration::from_secs(2);

/// An engine that is asked again if it failed before its first output (R20) in a way that may pass:
/// [`EngineErrorKind::Unavailable`]. Who waited for a timeout has waited enough, and what was refused will be refused
/// again.
///
/// `Retry-After` is honoured (R15): up to two seconds are waited for, more ends the attempts.
pub struct Retried {
    engine: Arc<dyn ChatEngine>,
    retries: u32,
}

impl Retried {
    /// `engine`, and how often it is asked again at the most.
    pub const fn new(engine: Arc<dyn ChatEngine>, retries: u32) -> Self {
        Self { engine, retries }
    }
}

#[async_trait]
impl ChatEngine for Retried {
    fn models(&self) -> Vec<OfferedModel> {
        self.engine.models()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        for _ in 0..self.retries {
            let error = match begun(&*self.engine, request.clone()).await {
                Ok(events) => return Ok(events),
                Err(error) => error,
            };
            let Some(pause) = pause_after(&error) else { return Err(error) };
            tracing::info!(%error, pause_ms = pause.as_millis(), "the engine is asked again");
            let model = super::asked_model(&*self.engine, request.model.as_ref());
            let model = model.map(domain::conversation::ModelName::into_string).unwrap_or_default();
            metrics::counter!("colloquy_engine_retries_total", "model" => model).increment(1);
            tokio::time::sleep(pause).await;
        }
        begun(&*self.engine, request).await
    }
}

/// How long to wait before another attempt, if there shall be one.
fn pause_after(error: &EngineError) -> Option<Duration> {
    let asked = error.retry_after.unwrap_or_default();
    let may_pass = error.kind == EngineErrorKind::Unavailable && asked <= PATIENT;
    may_pass.then(|| asked + jitter())
}

fn jitter() -> Duration {
    // Without randomness a fixed pause is better than none.
    let random = getrandom::u32().unwrap_or_default();
    Duration::from_millis((PAUSE.start + random % (PAUSE.end - PAUSE.start)).into())
}

#[cfg(test)]
mod tests {
    use domain::chat::EngineEvent;
    use tokio::time::Instant;

    use super::super::fake::{Fake, Step, model, request, text, told};
    use super::*;

    const UNAVAILABLE: EngineErrorKind = EngineErrorKind::Unavailable;

    /// What each attempt does; how the last one ends, how many there were, and how long that took.
    async fn attempts(
        retries: u32,
        attempts: Vec<Vec<Step>>,
    ) -> (Result<String, (EngineErrorKind, Option<Duration>)>, usize, Duration) {
        let fake = Arc::new(Fake::answering_each(attempts));
        let started = Instant::now();
        let end = match Retried::new(fake.clone(), retries).answer(request()).await {
            Ok(events) => Ok(told(events).await.text),
            Err(error) => Err((error.kind, error.retry_after)),
        };
        assert_eq!(fake.open(), 0, "an attempt goes on");
        (end, fake.calls(), started.elapsed())
    }

    fn refusal(retry_after: Option<Duration>) -> Vec<Step> {
        vec![Step::Refuse(UNAVAILABLE, retry_after)]
    }

    #[tokio::test(start_paused = true)]
    async fn r15_there_are_two_attempts_at_the_most_with_a_random_pause_between_them() {
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let (end, calls, time) = attempts(1, vec![refusal(None)]).await;
            assert_eq!((end, calls), (Err((UNAVAILABLE, None)), 2));
            assert!((100..=401).contains(&time.as_millis()), "{time:?}");
            pauses.push(time);
        }
        pauses.dedup();
        assert!(pauses.len() > 1, "all pauses are the same: {pauses:?}");

        assert_eq!(attempts(0, vec![refusal(None)]).await.1, 1);
        assert_eq!(attempts(3, vec![refusal(None)]).await.1, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn r15_the_second_attempt_can_answer() {
        let fails_late = vec![
            Step::Event(EngineEvent::Model(model("a"))),
            Step::Event(EngineEvent::Progress),
            Step::Fail(UNAVAILABLE, None),
        ];
        for first in [refusal(None), fails_late] {
            let (end, calls, _) = attempts(1, vec![first, vec![text("Hi")]]).await;
            assert_eq!((end, calls), (Ok("Hi".to_owned()), 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r15_a_short_retry_after_is_waited_for_and_a_long_one_passed_on() {
        for asked in [Duration::ZERO, Duration::from_secs(1), PATIENT] {
            let (end, calls, time) = attempts(1, vec![refusal(Some(asked)), vec![text("Hi")]]).await;
            assert_eq!((end, calls), (Ok("Hi".to_owned()), 2));
            assert!((asked..=asked + Duration::from_millis(401)).contains(&time), "{time:?}");
        }
        let long = PATIENT + Duration::from_millis(1);
        let (end, calls, time) = attempts(1, vec![refusal(Some(long)), vec![text("Hi")]]).await;
        assert_eq!((end, calls, time), (Err((UNAVAILABLE, Some(long))), 1, Duration::ZERO));

        let (end, calls, _) = attempts(1, vec![refusal(None), refusal(Some(PATIENT))]).await;
        assert_eq!((end, calls), (Err((UNAVAILABLE, Some(PATIENT))), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn r15_what_will_not_pass_is_not_tried_again() {
        for kind in [EngineErrorKind::BadResponse, EngineErrorKind::Timeout] {
            let (end, calls, _) = attempts(1, vec![vec![Step::Refuse(kind, None)], vec![text("Hi")]]).await;
            assert_eq!((end, calls), (Err((kind, None)), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r20_nothing_is_tried_again_once_something_was_told() {
        let fake = Arc::new(Fake::answering_each(vec![
            vec![text("half"), Step::Fail(UNAVAILABLE, None)],
            vec![text("another")],
        ]));
        let told = told(Retried::new(fake.clone(), 3).answer(request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.error, fake.calls()), ("half", Some(UNAVAILABLE), 1));
    }
}
