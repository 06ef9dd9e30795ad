use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Unexpected;
use domain::chat::{
    AcceptError, Acceptance, AcceptedTurn, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream,
    FinishReason, Finished, FinishedTurn, InlineRunner, MockChatEngine, MockTurnJournal, PastTurn, RunningTurn,
    Settlement, Started, TurnPlan, TurnRunner,
};
use domain::conversation::{Failure, IncompleteReason, TurnState};
use domain::id::ConversationId;
use futures_util::stream;
use mockall::Sequence;

use super::{clock, moment, plan, uuid, valid};

fn past(question: &str, tokens: u32, seconds_left: i64) -> PastTurn {
    let expiry_timestamp = moment() + TimeDelta::seconds(seconds_left);
    PastTurn { question: question.to_owned(), response: "Yes.".to_owned(), tokens, expiry_timestamp }
}

fn accepted() -> AcceptedTurn {
    AcceptedTurn {
        id: plan().turn.id,
        conversation_id: ConversationId::from_uuid(uuid(400)),
        seq: 4,
        parent_turn_id: None,
        expiry_timestamp: moment() + TimeDelta::hours(1),
        conversation_model: Some(valid("the-conversations")),
        system: Some(valid("Be brief.")),
        context: vec![past("newest", 30, 60), past("expired", 1, 0), past("older", 40, 60), past("too much", 1, 60)],
    }
}

/// A journal that accepts the question.
fn journal() -> MockTurnJournal {
    let mut journal = MockTurnJournal::new();
    journal
        .expect_accept()
        .once()
        .withf(|turn| turn.id == plan().turn.id)
        .returning(|_| Ok(Acceptance::Accepted(accepted())));
    journal
}

type Yielded = Result<EngineEvent, EngineError>;

/// An engine that yields these.
fn engine(events: Vec<Yielded>) -> MockChatEngine {
    let mut engine = MockChatEngine::new();
    engine.expect_answer().once().return_once(|_| Ok::<EngineStream, _>(Box::pin(stream::iter(events))));
    engine
}

fn text(text: &str) -> EngineEvent {
    EngineEvent::Text(text.to_owned())
}

async fn run(journal: MockTurnJournal, engine: MockChatEngine) -> Result<Finished, Unexpected> {
    let runner = InlineRunner::new(Arc::new(journal), Arc::new(engine), clock());
    match runner.start(plan()).await.unwrap() {
        Started::Running(RunningTurn { turn_id, conversation_id, reader }) => {
            assert_eq!((turn_id, conversation_id), (plan().turn.id, accepted().conversation_id));
            reader.finished().await
        }
        Started::Replayed(turn) => panic!("{turn:?}"),
    }
}

#[tokio::test]
async fn the_question_is_stored_before_the_engine_is_asked_and_the_answer_before_it_is_returned() {
    let mut order = Sequence::new();
    let mut journal = MockTurnJournal::new();
    journal.expect_accept().once().in_sequence(&mut order).returning(|_| Ok(Acceptance::Accepted(accepted())));
    let mut engine = MockChatEngine::new();
    let events = vec![Ok(text("You are ")), Ok(text("Ada.")), Ok(EngineEvent::Finish(FinishReason::Stop))];
    engine
        .expect_answer()
        .once()
        .in_sequence(&mut order)
        .return_once(|_| Ok::<EngineStream, _>(Box::pin(stream::iter(events))));
    journal
        .expect_finish()
        .once()
        .in_sequence(&mut order)
        .withf(|end: &FinishedTurn| {
            (end.id, end.replica) == (plan().turn.id, plan().turn.replica)
                && end.state.response() == Some("You are Ada.")
                && end.model == Some(valid("the-conversations"))
                && end.completed_at == moment()
        })
        .returning(|_| Ok(Settlement::Stored));
    let turn = run(journal, engine).await.unwrap().turn;
    assert_eq!((turn.id, turn.conversation_id, turn.seq), (plan().turn.id, accepted().conversation_id, 4));
    assert!(matches!(&turn.state, TurnState::Completed(answer) if answer.response == "You are Ada."), "{turn:?}");
    assert_eq!(turn.expiry_timestamp, accepted().expiry_timestamp);
}

#[tokio::test]
async fn the_engine_is_told_what_fits_the_budget_oldest_first() {
    let mut engine = MockChatEngine::new();
    let is_as_planned = |request: &EngineRequest| {
        let told: Vec<&str> = request.context.iter().map(|turn| turn.question.as_str()).collect();
        told == ["older", "newest"]
            && request.question == "Who am I?"
            && request.system == Some(valid("Be brief."))
            && request.model == Some(valid("the-conversations"))
    };
    let events = vec![Ok(text("Ada.")), Ok(EngineEvent::Finish(FinishReason::Stop))];
    engine
        .expect_answer()
        .once()
        .withf(is_as_planned)
        .return_once(|_| Ok::<EngineStream, _>(Box::pin(stream::iter(events))));
    let mut journal = journal();
    journal.expect_finish().once().returning(|_| Ok(Settlement::Stored));
    run(journal, engine).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_somebody_else_has_closed_is_not_returned() {
    let mut journal = journal();
    journal.expect_finish().once().returning(|_| Ok(Settlement::Lost));
    let lost = run(journal, engine(vec![Ok(text("Ada.")), Ok(EngineEvent::Finish(FinishReason::Stop))])).await;
    assert!(lost.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_is_not_returned() {
    let mut journal = journal();
    journal.expect_finish().once().returning(|_| Err(Unexpected::unavailable("the store is down")));
    let failed = run(journal, engine(vec![Ok(text("Ada.")), Ok(EngineEvent::Finish(FinishReason::Stop))])).await;
    assert!(failed.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn an_engine_that_refuses_leaves_a_failed_turn() {
    let mut journal = journal();
    let has_failed = |end: &FinishedTurn| end.state == TurnState::Failed(Failure::EngineUnavailable);
    journal.expect_finish().once().withf(has_failed).returning(|_| Ok(Settlement::Stored));
    let mut engine = MockChatEngine::new();
    engine.expect_answer().once().returning(|_| {
        let error = EngineError::new(EngineErrorKind::Unavailable, "connection refused");
        Err(error.with_retry_after(Some(Duration::from_secs(9))))
    });
    let finished = run(journal, engine).await.unwrap();
    assert_eq!(finished.turn.state, TurnState::Failed(Failure::EngineUnavailable));
    assert_eq!(finished.retry_after, Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn what_came_before_the_engine_broke_is_kept() {
    let broken = || Err(EngineError::new(EngineErrorKind::Timeout, "silence"));
    for (events, reason) in [
        (vec![Ok(text("You are")), broken(), Ok(text(" never reached"))], IncompleteReason::UpstreamTimeout),
        (vec![Ok(text("You are"))], IncompleteReason::UpstreamError),
    ] {
        let mut journal = journal();
        journal.expect_finish().once().returning(|_| Ok(Settlement::Stored));
        let turn = run(journal, engine(events)).await.unwrap().turn;
        assert_eq!((turn.state.response(), turn.state.incomplete_reason()), (Some("You are"), Some(reason)));
    }
}

#[tokio::test]
async fn no_engine_is_asked_for_what_was_refused_or_answered_before() {
    let start = async |acceptance: Result<Acceptance, AcceptError>| {
        let mut journal = MockTurnJournal::new();
        journal.expect_accept().once().return_once(|_| acceptance);
        let runner = InlineRunner::new(Arc::new(journal), Arc::new(MockChatEngine::new()), clock());
        runner.start(plan()).await
    };
    let refused = start(Err(AcceptError::KeyReused)).await;
    assert!(matches!(refused, Err(AcceptError::KeyReused)), "{refused:?}");

    let mut journal = journal();
    journal.expect_finish().once().returning(|_| Ok(Settlement::Stored));
    let answered = engine(vec![Ok(text("Ada.")), Ok(EngineEvent::Finish(FinishReason::Stop))]);
    let turn = run(journal, answered).await.unwrap().turn;
    let replayed = start(Ok(Acceptance::Replayed(Box::new(turn.clone())))).await;
    assert!(matches!(&replayed, Ok(Started::Replayed(again)) if **again == turn), "{replayed:?}");
}

#[test]
fn a_model_that_is_no_longer_offered_gives_way_to_the_engines_default() {
    let model_of = |plan: TurnPlan| plan.begin(&mut accepted(), moment()).0.model;
    assert_eq!(model_of(plan()), Some(valid("the-conversations")));
    assert_eq!(model_of(TurnPlan { offered: vec![valid("another")], ..plan() }), None);
}
