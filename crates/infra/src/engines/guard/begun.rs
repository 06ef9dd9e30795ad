use std::mem::discriminant;

use domain::chat::{ChatEngine, EngineError, EngineEvent, EngineRequest, EngineStream};
use futures_util::{StreamExt as _, stream};

/// Starts an answer and waits for its first output, so that a failure before it is an error of this function and can
/// be mended unseen (R20). What comes out of the stream afterwards must never be replaced.
///
/// What the engine told before its output is told first, of each kind the last: a model may reason for minutes, and
/// that is not piled up.
pub(super) async fn begun(engine: &dyn ChatEngine, request: EngineRequest) -> Result<EngineStream, EngineError> {
    let mut events = engine.answer(request).await?.fuse();
    let mut prelude: Vec<EngineEvent> = Vec::new();
    loop {
        let Some(event) = events.next().await.transpose()? else { break };
        let is_begun = event.is_output() || matches!(event, EngineEvent::Finish(_));
        prelude.retain(|earlier| discriminant(earlier) != discriminant(&event));
        prelude.push(event);
        if is_begun {
            break;
        }
        // Whoever waits has timers, which must be polled even if there is always something to take.
        tokio::task::coop::consume_budget().await;
    }
    Ok(stream::iter(prelude.into_iter().map(Ok)).chain(events).boxed())
}

#[cfg(test)]
mod tests {
    use domain::chat::{EngineErrorKind, FinishReason};
    use domain::conversation::Usage;

    use super::super::fake::{Fake, Step, model, request, text, told};
    use super::*;

    #[tokio::test]
    async fn r20_a_failure_before_the_first_output_is_an_error_and_one_after_it_is_not() {
        let steps = [Step::Event(EngineEvent::Model(model("a"))), Step::Event(EngineEvent::Progress)];
        let failing = Step::Fail(EngineErrorKind::Unavailable, None);
        let before = Fake::answering([steps.to_vec(), vec![failing.clone()]].concat());
        assert_eq!(begun(&before, request()).await.map(drop).unwrap_err().kind, EngineErrorKind::Unavailable);

        let after = Fake::answering([steps.to_vec(), vec![text("Hi"), failing]].concat());
        let told = told(begun(&after, request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.error), ("Hi", Some(EngineErrorKind::Unavailable)));
    }

    #[tokio::test]
    async fn what_came_before_the_output_is_told_once_and_first() {
        let usage = |output_tokens| EngineEvent::Usage(Usage { input_tokens: 1, output_tokens });
        let progress = std::iter::repeat_n(Step::Event(EngineEvent::Progress), 10_000);
        let steps = [Step::Event(usage(1)), Step::Event(usage(2))].into_iter().chain(progress).chain([text("Hi")]);
        let events: Vec<_> = begun(&Fake::answering(steps.collect()), request()).await.unwrap().collect().await;
        let events: Vec<_> = events.into_iter().map(Result::unwrap).collect();
        assert_eq!(events, [usage(2), EngineEvent::Progress, EngineEvent::Text("Hi".to_owned())]);
    }

    #[tokio::test]
    async fn an_answer_without_output_is_one_all_the_same() {
        let finished = Fake::answering(vec![Step::Event(EngineEvent::Finish(FinishReason::ContentFilter))]);
        let finish = told(begun(&finished, request()).await.unwrap()).await.finish;
        assert_eq!(finish, Some(FinishReason::ContentFilter));
        let nothing = told(begun(&Fake::answering(Vec::new()), request()).await.unwrap()).await;
        assert_eq!((nothing.finish, nothing.error), (None, None));
    }
}
