//! The circuit's clock is the machine's and cannot be paused. So a model here is left alone for an hour, or not at all.

use std::collections::HashMap;

use domain::chat::EngineEvent;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::super::fake::{Fake, Step, model, request, text, told};
use super::*;

const UNAVAILABLE: EngineErrorKind = EngineErrorKind::Unavailable;
const HOUR: Duration = Duration::from_secs(3600);

fn breaking(open: Duration, steps: Vec<Step>) -> (Arc<Breaking>, Arc<Fake>) {
    let fake = Arc::new(Fake::answering(steps));
    (Arc::new(Breaking::new(fake.clone(), Tolerance { open, ..Tolerance::default() })), fake)
}

fn failing(kind: EngineErrorKind) -> Vec<Step> {
    vec![Step::Refuse(kind, None)]
}

async fn ask(engine: &Breaking) -> Result<String, EngineErrorKind> {
    match engine.answer(request()).await {
        Ok(events) => Ok(told(events).await.text),
        Err(error) => Err(error.kind),
    }
}

async fn ask_often(engine: &Breaking, times: usize) {
    for _ in 0..times {
        drop(ask(engine).await);
    }
}

fn state(engine: &Breaking) -> CircuitState {
    engine.breakers[0].circuit.state_sync()
}

#[test]
fn r16_the_numbers_are_those_of_the_design() {
    let Tolerance { failure_rate, least_calls, window, open } = Tolerance::default();
    assert_eq!((failure_rate, least_calls, window.as_secs(), open.as_secs()), (0.5, 20, 30, 5));
}

#[tokio::test(start_paused = true)]
async fn r16_it_opens_at_half_of_twenty_and_then_fails_at_once() {
    for kind in [UNAVAILABLE, EngineErrorKind::Timeout] {
        let (engine, fake) = breaking(HOUR, vec![text("Hi")]);
        ask_often(&engine, 10).await;
        fake.answer_with(vec![Step::Event(EngineEvent::Progress), Step::Fail(kind, None)]);
        ask_often(&engine, 9).await;
        assert_eq!(state(&engine), CircuitState::Closed);
        ask_often(&engine, 1).await;
        assert_eq!((state(&engine), fake.calls()), (CircuitState::Open, 20));

        // Without waiting for anything, and without asking the engine.
        let error = engine.answer(request()).now_or_never().expect("an answer at once").map(drop).unwrap_err();
        assert_eq!((error.kind, fake.calls()), (UNAVAILABLE, 20));
        let after = error.retry_after.unwrap();
        assert!(after <= HOUR && after + Duration::from_secs(60) > HOUR, "{after:?}");
        let second = EngineRequest { model: Some(model("b")), ..request() };
        assert_eq!(engine.answer(second).await.map(drop).unwrap_err().kind, kind, "each model has its own");
        assert_eq!(fake.calls(), 21);
    }
}

#[tokio::test(start_paused = true)]
async fn r16_too_few_calls_or_failures_do_not_open_it() {
    let (engine, _) = breaking(HOUR, failing(UNAVAILABLE));
    ask_often(&engine, 19).await;
    assert_eq!(state(&engine), CircuitState::Closed);

    let (engine, fake) = breaking(HOUR, vec![text("Hi")]);
    ask_often(&engine, 50).await;
    fake.answer_with(failing(UNAVAILABLE));
    ask_often(&engine, 49).await;
    assert_eq!(state(&engine), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn r16_what_is_long_past_does_not_count() {
    let fake = Arc::new(Fake::answering(failing(UNAVAILABLE)));
    let engine = Breaking::new(fake, Tolerance { window: Duration::ZERO, ..Tolerance::default() });
    ask_often(&engine, 100).await;
    assert_eq!(state(&engine), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn r16_neither_refused_questions_nor_broken_answers_speak_against_a_model() {
    for steps in [failing(EngineErrorKind::BadResponse), vec![text("half"), Step::Fail(UNAVAILABLE, None)]] {
        let (engine, fake) = breaking(HOUR, steps);
        ask_often(&engine, 100).await;
        assert_eq!((state(&engine), fake.calls()), (CircuitState::Closed, 100));
    }
}

#[tokio::test(start_paused = true)]
async fn r16_a_success_closes_it_and_a_failure_opens_it_again() {
    let (engine, fake) = breaking(Duration::ZERO, failing(UNAVAILABLE));
    ask_often(&engine, 20).await;
    assert_eq!(state(&engine), CircuitState::Open);
    ask_often(&engine, 1).await;
    assert_eq!((state(&engine), fake.calls()), (CircuitState::Open, 21));
    fake.answer_with(vec![text("Hi")]);
    assert_eq!(ask(&engine).await, Ok("Hi".to_owned()));
    assert_eq!(state(&engine), CircuitState::Closed);
    fake.answer_with(failing(UNAVAILABLE));
    ask_often(&engine, 18).await;
    assert_eq!(state(&engine), CircuitState::Closed, "what was before the outage still counts");
}

#[tokio::test(start_paused = true)]
async fn r16_a_probe_that_nobody_waits_for_makes_room_for_another() {
    let (engine, fake) = breaking(Duration::ZERO, failing(UNAVAILABLE));
    ask_often(&engine, 20).await;
    fake.answer_with(vec![Step::Hang]);
    assert!(ask(&engine).now_or_never().is_none());
    fake.answer_with(vec![text("Hi")]);
    assert_eq!(ask(&engine).await, Ok("Hi".to_owned()));
    assert_eq!(state(&engine), CircuitState::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r16_of_many_at_once_exactly_one_is_let_through() {
    const ROUNDS: usize = 200;
    const CALLERS: usize = 50;
    for round in 0..ROUNDS {
        let (engine, fake) = breaking(Duration::ZERO, failing(UNAVAILABLE));
        ask_often(&engine, 20).await;
        assert_eq!((state(&engine), fake.calls()), (CircuitState::Open, 20));
        // The probe is not answered before everybody else has been.
        fake.answer_with(vec![Step::Hang]);
        let gate = Arc::new(tokio::sync::Barrier::new(CALLERS));
        let callers = (0..CALLERS).map(|_| {
            let (engine, gate) = (engine.clone(), gate.clone());
            tokio::spawn(async move {
                gate.wait().await;
                ask(&engine).await
            })
        });
        let mut callers: Vec<_> = callers.collect();
        let mut refused = 0;
        while callers.len() > 1 {
            let (settled, _, others) = futures_util::future::select_all(callers).await;
            assert_eq!(settled.unwrap(), Err(UNAVAILABLE));
            refused += 1;
            callers = others;
        }
        // The one that was let through may not have come to the engine yet.
        while fake.calls() < 21 {
            tokio::task::yield_now().await;
        }
        assert_eq!((refused, fake.calls()), (CALLERS - 1, 21), "round {round}");
        assert_eq!(state(&engine), CircuitState::HalfOpen);
        callers.iter().for_each(tokio::task::JoinHandle::abort);
        drop(join_all(callers).await);
    }
}

#[tokio::test(start_paused = true)]
async fn r16_a_timeout_from_before_an_outages_end_does_not_open_it_again() {
    let slow = |step| vec![Step::Wait(HOUR), step];
    for late in [Step::Fail(EngineErrorKind::Timeout, None), text("late")] {
        let (engine, fake) = breaking(Duration::ZERO, slow(late.clone()));
        let early: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let engine = engine.clone();
                    async move { ask(&engine).await }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        fake.answer_with(failing(UNAVAILABLE));
        ask_often(&engine, 20).await;
        assert_eq!((state(&engine), fake.calls()), (CircuitState::Open, 23));

        // The probe is under way when the early ones end.
        fake.answer_with(vec![Step::Wait(HOUR * 2), text("Hi")]);
        let probe = tokio::spawn({
            let engine = engine.clone();
            async move { ask(&engine).await }
        });
        tokio::task::yield_now().await;
        let expected =
            if matches!(late, Step::Fail(..)) { Err(EngineErrorKind::Timeout) } else { Ok("late".to_owned()) };
        for early in early {
            assert_eq!(early.await.unwrap(), expected);
        }
        assert_eq!(state(&engine), CircuitState::HalfOpen);
        assert_eq!(probe.await.unwrap(), Ok("Hi".to_owned()));
        assert_eq!(state(&engine), CircuitState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn of_very_many_calls_only_some_are_counted() {
    let (engine, fake) = breaking(HOUR, vec![text("Hi")]);
    ask_often(&engine, 5000).await;
    let counted = engine.breakers[0].circuit.metrics().await.total_calls;
    assert_eq!((counted, fake.calls()), (COUNTED_PER_SECOND as usize, 5000));
    tokio::time::advance(Duration::from_secs(1)).await;
    fake.answer_with(failing(UNAVAILABLE));
    ask_often(&engine, 100).await;
    assert_eq!(state(&engine), CircuitState::Open);
}

/// What gauges were set to, by the model they are of.
#[derive(Clone, Default)]
struct Gauges(Arc<Mutex<HashMap<String, Arc<History>>>>);

#[derive(Default)]
struct History(Mutex<Vec<f64>>);

impl GaugeFn for History {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        assert_eq!(key.name(), "colloquy_engine_breaker_state");
        let model = key.labels().find(|label| label.key() == "model").unwrap().value().to_owned();
        Gauge::from_arc(self.0.lock().unwrap().entry(model).or_default().clone())
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn r16_operators_see_the_state() {
    let gauges = Gauges::default();
    let _recorder = metrics::set_default_local_recorder(&gauges);
    let (engine, fake) = breaking(Duration::ZERO, failing(UNAVAILABLE));
    ask_often(&engine, 20).await;
    fake.answer_with(vec![text("Hi")]);
    ask_often(&engine, 1).await;
    let seen = |model: &str| gauges.0.lock().unwrap()[model].0.lock().unwrap().clone();
    assert_eq!((seen("a"), seen("b")), (vec![0.0, 2.0, 1.0, 0.0], vec![0.0]));
}
