use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, OfferedModel};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

/// How long a model that shows no sign of life is believed to be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From the question to the first sign of life.
    pub first_token: Duration,
    /// Between one sign of life and the next.
    pub progress: Duration,
}

/// An engine that fails with [`EngineErrorKind::Timeout`] when a model falls silent (R17).
///
/// Signs of life are output, [`EngineEvent::Progress`] and [`EngineEvent::Finish`]: a model that reasons for minutes
/// works, and satisfies the first timer as well as the second. [`EngineEvent::Model`] and [`EngineEvent::Usage`] are
/// bookkeeping, which a server can do while its model is stuck; they move neither timer. After a finish reason
/// silence only ends the stream, because the answer is whole.
pub struct Timed {
    engine: Arc<dyn ChatEngine>,
    patience: Patience,
}

impl Timed {
    /// `engine`, and how long its silence is borne.
    pub fn new(engine: Arc<dyn ChatEngine>, patience: Patience) -> Self {
        let patience =
            Patience { first_token: super::bounded(patience.first_token), progress: super::bounded(patience.progress) };
        Self { engine, patience }
    }
}

#[async_trait]
impl ChatEngine for Timed {
    fn models(&self) -> Vec<OfferedModel> {
        self.engine.models()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        let deadline = Instant::now() + self.patience.first_token;
        let events = match timeout_at(deadline, self.engine.answer(request)).await {
            Ok(events) => Some(events?),
            Err(_) => return Err(silence()),
        };
        let watched = Watched { events, deadline, progress: self.patience.progress, is_finished: false };
        let events = stream::unfold(watched, |mut watched| async move {
            let event = watched.next().await?;
            Some((event, watched))
        });
        Ok(events.boxed())
    }
}

/// An answer whose silence is timed.
struct Watched {
    /// Gone once the answer has ended, so that the engine stops at once.
    events: Option<EngineStream>,
    deadline: Instant,
    progress: Duration,
    is_finished: bool,
}

impl Watched {
    async fn next(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        let events = self.events.as_mut()?;
        match super::next_by(events, self.deadline).await {
            Err(_) => self.fall_silent(),
            Ok(Some(Ok(event))) => self.take(event),
            Ok(end) => {
                self.events = None;
                end
            }
        }
    }

    fn take(&mut self, event: EngineEvent) -> Option<Result<EngineEvent, EngineError>> {
        if !matches!(event, EngineEvent::Model(_) | EngineEvent::Usage(_)) {
            self.deadline = Instant::now() + self.progress;
            self.is_finished |= matches!(event, EngineEvent::Finish(_));
        } else if Instant::now() >= self.deadline {
            // The timeout looks at the clock only while there is nothing to take.
            return self.fall_silent();
        }
        Some(Ok(event))
    }

    fn fall_silent(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        self.events = None;
        (!self.is_finished).then(|| Err(silence()))
    }
}

fn silence() -> EngineError {
    EngineError::new(EngineErrorKind::Timeout, "no sign of life within the configured time")
}

#[cfg(test)]
mod tests {
    use domain::chat::FinishReason;
    use domain::conversation::Usage;

    use super::super::fake::{Fake, Step, model, request, text, told};
    use super::*;

    const FIRST: Duration = Duration::from_secs(60);
    const PROGRESS: Duration = Duration::from_secs(30);
    const JUST_IN_TIME_FIRST: Duration = Duration::from_millis(59_999);
    const JUST_IN_TIME: Duration = Duration::from_millis(29_999);

    fn timed(steps: Vec<Step>) -> (Timed, Arc<Fake>) {
        let fake = Arc::new(Fake::answering(steps));
        (Timed::new(fake.clone(), Patience { first_token: FIRST, progress: PROGRESS }), fake)
    }

    fn progress() -> Step {
        Step::Event(EngineEvent::Progress)
    }

    fn usage() -> Step {
        Step::Event(EngineEvent::Usage(Usage { input_tokens: 1, output_tokens: 0 }))
    }

    /// The text, how it ended, and after what time.
    async fn timing(steps: Vec<Step>) -> (String, Result<(), EngineErrorKind>, Duration) {
        let (timed, fake) = timed(steps);
        let started = Instant::now();
        let told = match timed.answer(request()).await {
            Ok(events) => told(events).await,
            Err(error) => return (String::new(), Err(error.kind), started.elapsed()),
        };
        assert_eq!(fake.open(), 0, "the engine goes on");
        (told.text, told.error.map_or(Ok(()), Err), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn r17_silence_before_the_first_token_is_a_timeout() {
        let started = Instant::now();
        let (timed, _) = timed(vec![Step::RefuseAfter(FIRST * 2)]);
        assert_eq!(timed.answer(request()).await.map(drop).unwrap_err().kind, EngineErrorKind::Timeout);
        assert_eq!(started.elapsed().as_secs(), FIRST.as_secs());

        for bookkeeping in
            [EngineEvent::Model(model("a")), EngineEvent::Usage(Usage { input_tokens: 1, output_tokens: 0 })]
        {
            let steps = vec![Step::Wait(FIRST / 2), Step::Event(bookkeeping), Step::Hang];
            let (text, end, time) = timing(steps).await;
            assert_eq!((text.as_str(), end, time.as_secs()), ("", Err(EngineErrorKind::Timeout), FIRST.as_secs()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r17_silence_after_the_first_token_is_a_timeout_and_the_text_is_kept() {
        for (steps, expected) in [
            (vec![text("half"), Step::Hang], PROGRESS),
            (vec![text("half"), Step::Wait(PROGRESS / 2), usage(), Step::Hang], PROGRESS),
            (vec![text("ha"), Step::Wait(JUST_IN_TIME), text("lf"), Step::Hang], JUST_IN_TIME + PROGRESS),
        ] {
            let (text, end, time) = timing(steps).await;
            assert_eq!((text.as_str(), end), ("half", Err(EngineErrorKind::Timeout)));
            assert!((expected..=expected + Duration::from_millis(1)).contains(&time), "{time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r17_a_model_that_reasons_is_not_silent() {
        let mut steps = Vec::new();
        for _ in 0..10 {
            steps.extend([Step::Wait(JUST_IN_TIME), progress()]);
        }
        steps.extend([Step::Wait(JUST_IN_TIME), text("42"), Step::Event(EngineEvent::Finish(FinishReason::Stop))]);
        let (text, end, _) = timing(steps).await;
        assert_eq!((text.as_str(), end), ("42", Ok(())));

        let (_, end, time) = timing(vec![progress(), Step::Hang]).await;
        assert_eq!((end, time.as_secs()), (Err(EngineErrorKind::Timeout), PROGRESS.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn r17_slow_is_not_silent() {
        let steps = vec![Step::Wait(JUST_IN_TIME_FIRST), text("a"), Step::Wait(JUST_IN_TIME), text("b")];
        let (text, end, _) = timing(steps).await;
        assert_eq!((text.as_str(), end), ("ab", Ok(())));
    }

    #[tokio::test]
    async fn r17_a_flood_of_bookkeeping_is_noticed_although_there_is_always_something_to_take() {
        let usage = EngineEvent::Usage(Usage { input_tokens: 1, output_tokens: 0 });
        let fake = Arc::new(Fake::answering(vec![text("half"), Step::Forever(usage)]));
        let patience = Patience { first_token: FIRST, progress: Duration::from_millis(20) };
        let told = told(Timed::new(fake.clone(), patience).answer(request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.error), ("half", Some(EngineErrorKind::Timeout)));
        assert_eq!(fake.open(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_after_the_finish_costs_nothing() {
        let (timed, _) = timed(vec![text("all"), Step::Event(EngineEvent::Finish(FinishReason::Stop)), Step::Hang]);
        let told = told(timed.answer(request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.finish, told.error), ("all", Some(FinishReason::Stop), None));
    }
}
