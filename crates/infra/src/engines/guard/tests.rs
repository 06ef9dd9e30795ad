//! All of it together.

use domain::chat::{EngineErrorKind, EngineEvent, FinishReason};

use super::fake::{Fake, Step, model, request, text, told};
use super::*;

const UNAVAILABLE: EngineErrorKind = EngineErrorKind::Unavailable;

fn settings() -> GuardSettings {
    GuardSettings {
        patience: Patience { first_token: Duration::from_secs(60), progress: Duration::from_secs(30) },
        retries: 1,
        fallback: None,
        caps: Caps { time: Duration::from_secs(600), tokens: 32_768, bytes: 1024 * 1024 },
    }
}

fn all_around(settings: GuardSettings, answers: Vec<Vec<Step>>) -> (Arc<dyn ChatEngine>, Arc<Fake>) {
    let fake = Arc::new(Fake::answering_each(answers));
    (guarded(fake.clone(), settings), fake)
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_is_left_as_it_is() {
    let finish = Step::Event(EngineEvent::Finish(FinishReason::Stop));
    let (engine, fake) =
        all_around(settings(), vec![vec![Step::Event(EngineEvent::Model(model("a"))), text("Hi"), text("!"), finish]]);
    assert_eq!(engine.models(), fake.models());
    let told = told(engine.answer(request()).await.unwrap()).await;
    assert_eq!((told.text.as_str(), told.model, told.finish), ("Hi!", Some(model("a")), Some(FinishReason::Stop)));
    assert_eq!((fake.calls(), fake.open()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn r16_an_open_breaker_leads_to_the_second_model_at_once() {
    let fails_then_answers = [vec![Step::Refuse(UNAVAILABLE, None)], vec![text("Hi")]];
    let (engine, fake) = all_around(
        GuardSettings { fallback: Some(model("b")), retries: 0, ..settings() },
        std::iter::repeat_n(fails_then_answers, 20).flatten().collect(),
    );
    for question in 1..=25 {
        let told = told(engine.answer(request()).await.unwrap()).await;
        assert_eq!((told.text.as_str(), told.model), ("Hi", Some(model("b"))));
        assert_eq!(fake.calls(), if question <= 20 { 2 * question } else { 20 + question });
        assert_eq!(fake.asked().last(), Some(&Some(model("b"))));
    }
}

#[tokio::test(start_paused = true)]
async fn r15_an_attempt_that_fails_costs_the_breaker_one_call() {
    let (engine, fake) = all_around(settings(), vec![vec![Step::Refuse(UNAVAILABLE, None)]]);
    for _ in 0..20 {
        assert!(engine.answer(request()).await.is_err());
    }
    assert_eq!(fake.calls(), 40);
    assert!(engine.answer(request()).await.is_err());
    assert_eq!(fake.calls(), 40);
}

#[tokio::test(start_paused = true)]
async fn r18_the_time_of_an_answer_is_for_all_attempts_and_models() {
    let silent = vec![Step::Hang];
    let mut settings = GuardSettings { fallback: Some(model("b")), ..settings() };
    settings.caps.time = Duration::from_secs(90);
    let (engine, fake) = all_around(settings, vec![silent]);
    let started = tokio::time::Instant::now();
    let error = engine.answer(request()).await.map(drop).unwrap_err();
    assert_eq!((error.kind, started.elapsed().as_secs()), (EngineErrorKind::Timeout, 90));
    assert_eq!((fake.asked(), fake.open()), (vec![None, Some(model("b"))], 0));
}

#[tokio::test]
async fn r18_time_runs_out_although_a_model_reasons_without_a_pause() {
    let mut settings = settings();
    settings.caps.time = Duration::from_millis(50);
    let (engine, fake) = all_around(settings, vec![vec![Step::Forever(EngineEvent::Progress)]]);
    let error = engine.answer(request()).await.map(drop).unwrap_err();
    assert_eq!((error.kind, fake.open()), (EngineErrorKind::Timeout, 0));
}

#[tokio::test(start_paused = true)]
async fn r20_what_was_told_is_never_replayed() {
    let (engine, fake) = all_around(
        GuardSettings { retries: 3, fallback: Some(model("b")), ..settings() },
        vec![vec![text("half"), Step::Fail(UNAVAILABLE, None)], vec![text("other")]],
    );
    let told = told(engine.answer(request()).await.unwrap()).await;
    assert_eq!((told.text.as_str(), told.error, fake.calls()), ("half", Some(UNAVAILABLE), 1));
}
