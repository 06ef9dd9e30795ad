use std::sync::Arc;

use async_trait::async_trait;
use domain::chat::{ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, OfferedModel};
use domain::conversation::ModelName;
use futures_util::{StreamExt as _, stream};

use super::begun::begun;

/// An engine whose second model answers, if the asked one cannot be reached or falls silent before its first output
/// (R20). What the asked model refuses is not asked of another.
///
/// The answer begins with [`EngineEvent::Model`], so that the turn says who gave it. If both fail, the failure is that
/// of the model that was asked for.
pub struct Fallback {
    engine: Arc<dyn ChatEngine>,
    model: ModelName,
}

impl Fallback {
    /// `engine`, and the second model, which it must offer.
    pub const fn new(engine: Arc<dyn ChatEngine>, model: ModelName) -> Self {
        Self { engine, model }
    }

    async fn second(&self, mut request: EngineRequest, asked: ModelName) -> Result<EngineStream, EngineError> {
        metrics::counter!(
            "colloquy_engine_fallbacks_total",
            "model" => asked.into_string(),
            "fallback" => self.model.as_str().to_owned()
        )
        .increment(1);
        request.model = Some(self.model.clone());
        let events = begun(&*self.engine, request).await?;
        let named = stream::iter([Ok(EngineEvent::Model(self.model.clone()))]);
        Ok(named.chain(events).boxed())
    }
}

#[async_trait]
impl ChatEngine for Fallback {
    fn models(&self) -> Vec<OfferedModel> {
        self.engine.models()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        let asked = super::asked_model(&*self.engine, request.model.as_ref());
        let Some(asked) = asked.filter(|asked| *asked != self.model) else { return self.engine.answer(request).await };
        let error = match begun(&*self.engine, request.clone()).await {
            Err(error) if matches!(error.kind, EngineErrorKind::Unavailable | EngineErrorKind::Timeout) => error,
            settled => return settled,
        };
        tracing::warn!(%error, asked = asked.as_str(), fallback = self.model.as_str(), "the second model is asked");
        match self.second(request, asked).await {
            Ok(events) => Ok(events),
            Err(second) => {
                tracing::warn!(error = %second, "the second model failed too");
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fake::{Fake, Step, model, request, text, told};
    use super::*;

    const UNAVAILABLE: EngineErrorKind = EngineErrorKind::Unavailable;

    /// An engine with the models `a` and `b`, of which `b` is the second.
    fn fallback(answers: Vec<Vec<Step>>) -> (Fallback, Arc<Fake>) {
        let fake = Arc::new(Fake::answering_each(answers));
        (Fallback::new(fake.clone(), model("b")), fake)
    }

    fn asking(name: Option<&str>) -> EngineRequest {
        EngineRequest { model: name.map(model), ..request() }
    }

    #[tokio::test(start_paused = true)]
    async fn r16_the_second_model_answers_and_is_named() {
        for kind in [UNAVAILABLE, EngineErrorKind::Timeout] {
            for asked in [None, Some("a")] {
                let (fallback, fake) = fallback(vec![vec![Step::Refuse(kind, None)], vec![text("Hi")]]);
                let told = told(fallback.answer(asking(asked)).await.unwrap()).await;
                assert_eq!((told.text.as_str(), told.model), ("Hi", Some(model("b"))));
                assert_eq!(fake.asked(), [asked.map(model), Some(model("b"))]);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r20_nobody_else_goes_on_with_an_answer_that_has_begun() {
        let (fallback, fake) = fallback(vec![vec![text("half"), Step::Fail(UNAVAILABLE, None)], vec![text("other")]]);
        let told = told(fallback.answer(request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.error, fake.calls()), ("half", Some(UNAVAILABLE), 1));
        assert_eq!(told.model, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_model_is_not_its_own_and_answers_no_refused_question() {
        let (own, fake) = fallback(vec![vec![Step::Refuse(UNAVAILABLE, None)], vec![text("Hi")]]);
        assert_eq!(own.answer(asking(Some("b"))).await.map(drop).unwrap_err().kind, UNAVAILABLE);
        assert_eq!(fake.calls(), 1);

        let refused = EngineErrorKind::BadResponse;
        let (fallback, fake) = fallback(vec![vec![Step::Refuse(refused, None)], vec![text("Hi")]]);
        assert_eq!(fallback.answer(request()).await.map(drop).unwrap_err().kind, refused);
        assert_eq!(fake.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn r15_if_both_fail_the_failure_is_the_first_models() {
        let asked = Some(Duration::from_secs(7));
        let (fallback, fake) = fallback(vec![
            vec![Step::Refuse(UNAVAILABLE, asked)],
            vec![Step::Event(EngineEvent::Progress), Step::Fail(EngineErrorKind::BadResponse, None)],
        ]);
        let error = fallback.answer(request()).await.map(drop).unwrap_err();
        assert_eq!((error.kind, error.retry_after, fake.calls()), (UNAVAILABLE, asked, 2));
    }
}
