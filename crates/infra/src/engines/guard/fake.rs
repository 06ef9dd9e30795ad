//! An engine that does step by step what a test says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{
    ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, FinishReason, OfferedModel,
};
use domain::conversation::{ModelName, Part};
use futures_util::{StreamExt as _, stream};

pub(super) use super::super::asked::{model, request};

#[derive(Clone)]
pub(super) enum Step {
    /// Gives no stream at all; only as the first step.
    Refuse(EngineErrorKind, Option<Duration>),
    /// Gives no stream, after some time; only as the first step.
    RefuseAfter(Duration),
    Wait(Duration),
    Event(EngineEvent),
    /// The same event again and again, without ever being pending.
    Forever(EngineEvent),
    Fail(EngineErrorKind, Option<Duration>),
    Hang,
}

pub(super) fn text(text: &str) -> Step {
    Step::Event(EngineEvent::Text(text.to_owned()))
}

/// An engine with the models `a` and `b`.
pub(super) struct Fake {
    /// What each answer does; the last one is repeated.
    answers: Mutex<Vec<Vec<Step>>>,
    asked: Mutex<Vec<Option<ModelName>>>,
    open: Arc<AtomicUsize>,
}

impl Fake {
    pub(super) fn answering(steps: Vec<Step>) -> Self {
        Self::answering_each(vec![steps])
    }

    pub(super) fn answering_each(answers: Vec<Vec<Step>>) -> Self {
        Self { answers: Mutex::new(answers), asked: Mutex::default(), open: Arc::default() }
    }

    /// From now on.
    pub(super) fn answer_with(&self, steps: Vec<Step>) {
        *self.answers.lock().unwrap() = vec![steps];
    }

    /// Which model each call was for.
    pub(super) fn asked(&self) -> Vec<Option<ModelName>> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// How many streams nobody has dropped.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl ChatEngine for Fake {
    fn models(&self) -> Vec<OfferedModel> {
        ["a", "b"].map(|name| OfferedModel { name: model(name), provider: "fake".to_owned() }).into()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        self.asked.lock().unwrap().push(request.model);
        let steps = {
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
        };
        match steps.first() {
            Some(Step::Refuse(kind, after)) => return Err(error(*kind, *after)),
            Some(Step::RefuseAfter(time)) => {
                tokio::time::sleep(*time).await;
                return Err(error(EngineErrorKind::Unavailable, None));
            }
            _ => {}
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        let guard = Open(Arc::clone(&self.open));
        let steps = stream::unfold((steps.into_iter(), guard), |(mut steps, guard)| async move {
            loop {
                let event = match steps.next()? {
                    Step::Wait(time) => {
                        tokio::time::sleep(time).await;
                        continue;
                    }
                    Step::Event(event) => Ok(event),
                    Step::Forever(event) => {
                        steps = vec![Step::Event(event.clone()), Step::Forever(event)].into_iter();
                        continue;
                    }
                    Step::Fail(kind, after) => Err(error(kind, after)),
                    Step::Hang => std::future::pending().await,
                    Step::Refuse(..) | Step::RefuseAfter(_) => panic!("only as the first step"),
                };
                return Some((event, (steps, guard)));
            }
        });
        Ok(steps.boxed())
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn error(kind: EngineErrorKind, after: Option<Duration>) -> EngineError {
    EngineError::new(kind, "the test says so").with_retry_after(after)
}

/// What an answer told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
    pub(super) model: Option<ModelName>,
    pub(super) finish: Option<FinishReason>,
    pub(super) error: Option<EngineErrorKind>,
}

pub(super) async fn told(mut events: EngineStream) -> Told {
    let mut told = Told::default();
    while let Some(event) = events.next().await {
        assert!(told.finish.is_none() && told.error.is_none(), "something came after the end");
        match event {
            Ok(EngineEvent::Text(text)) => {
                assert!(!text.is_empty());
                told.text.push_str(&text);
            }
            Ok(EngineEvent::Part(part)) => told.parts.push(part),
            Ok(EngineEvent::Model(name)) => {
                assert!(told.text.is_empty(), "the model comes first");
                told.model = Some(name);
            }
            Ok(EngineEvent::Finish(reason)) => told.finish = Some(reason),
            Ok(_) => {}
            Err(error) => told.error = Some(error.kind),
        }
    }
    told
}
