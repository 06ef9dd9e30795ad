use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::access::Principal;
use domain::chat::{
    AcceptError, Ask, AskError, ChatPolicy, ChatService, ConversationChoice, Fingerprint, Finished, IdempotencyClaim,
    MockChatEngine, MockTurnRunner, OfferedModel, Position, RunningTurn, Started, TurnEvents, TurnPlan, TurnReader,
};
use domain::conversation::{Answer, Failure, Metadata, Turn, TurnKind, TurnState};
use domain::id::{ConversationId, ReplicaId, TurnId};
use domain::usage::{MockQuota, QuotaError};
use futures_core::future::BoxFuture;
use futures_util::stream;

use super::{BUDGET, ada, caller, clock, ids, moment, program, ttl, uuid, valid, with_key};

fn ask() -> Ask {
    Ask::new(valid("Who am I?"))
}

fn turn(state: TurnState) -> Turn {
    Turn {
        id: TurnId::from_uuid(uuid(1)),
        conversation_id: ConversationId::from_uuid(uuid(2)),
        user_id: ada().id,
        session_id: caller().session_id(),
        seq: 1,
        parent_turn_id: None,
        kind: TurnKind::Answered,
        request_question: valid("Who am I?"),
        model: None,
        metadata: Metadata::default(),
        entry_time: moment(),
        completed_at: Some(moment()),
        expiry_timestamp: ttl().after(moment()),
        state,
    }
}

fn completed() -> Turn {
    turn(TurnState::Completed(Answer { response: "You are Ada.".to_owned(), ..Answer::default() }))
}

/// A reader whose turn has ended already.
struct Waiting(Result<Finished, Unexpected>);

impl TurnReader for Waiting {
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>> {
        Box::pin(async { self.0 })
    }

    fn events(self: Box<Self>, from: Position) -> TurnEvents {
        Box::pin(stream::iter(self.0.into_iter().flat_map(move |finished| finished.into_events(from))))
    }
}

fn running(finished: Result<Finished, Unexpected>) -> Started {
    Started::Running(RunningTurn {
        turn_id: TurnId::from_uuid(uuid(1)),
        conversation_id: ConversationId::from_uuid(uuid(2)),
        reader: Box::new(Waiting(finished)),
    })
}

/// A runner that is given one plan, which `expected` describes, and answers it so.
fn runner(
    expected: impl Fn(&TurnPlan) -> bool + Send + 'static,
    started: Result<Started, AcceptError>,
) -> MockTurnRunner {
    let mut runner = MockTurnRunner::new();
    runner.expect_start().once().withf(expected).return_once(|_| started);
    runner
}

fn service(runner: MockTurnRunner) -> ChatService {
    let mut engine = MockChatEngine::new();
    let offered = ["small", "large"].map(|name| OfferedModel { name: valid(name), provider: "test".to_owned() });
    engine.expect_models().returning(move || offered.to_vec());
    let policy = ChatPolicy { replica: ReplicaId::from_uuid(uuid(500)), budget: BUDGET, default_ttl: ttl() };
    ChatService::new(Arc::new(runner), Arc::new(engine), clock(), ids(), policy)
}

#[tokio::test]
async fn the_runner_is_told_everything_that_applies() {
    let claim = IdempotencyClaim { key: valid("key"), fingerprint: Fingerprint([7; 32]) };
    let wanted = Ask { model: Some(valid("large")), idempotency: Some(claim.clone()), ..ask() };
    let is_as_asked = move |plan: &TurnPlan| {
        plan.turn.budget == BUDGET
            && plan.turn.default_ttl == ttl()
            && plan.turn.entry_time == moment()
            && plan.turn.replica == ReplicaId::from_uuid(uuid(500))
            && (plan.turn.user_id, plan.turn.session_id) == (ada().id, caller().session_id())
            && plan.offered == [valid("small"), valid("large")]
            && plan.turn.question == valid("Who am I?")
            && plan.turn.model == Some(valid("large"))
            && plan.turn.idempotency == Some(claim.clone())
            && matches!(plan.turn.conversation, ConversationChoice::Current { or_new }
                if or_new.as_uuid() != plan.turn.id.as_uuid())
    };
    let finished = Finished { turn: completed(), retry_after: None };
    let answered = service(runner(is_as_asked, Ok(running(Ok(finished))))).ask(&caller(), wanted).await.unwrap();
    assert_eq!((answered.turn, answered.replayed), (completed(), false));
}

#[tokio::test]
async fn a_named_conversation_is_the_one_that_is_asked_in() {
    let id = ConversationId::from_uuid(uuid(400));
    for credential in [caller().credential, with_key()] {
        let caller = Principal { credential, ..caller() };
        let session_id = caller.session_id();
        let is_there = move |plan: &TurnPlan| {
            plan.turn.conversation == ConversationChoice::Existing(id) && plan.turn.session_id == session_id
        };
        let finished = Finished { turn: completed(), retry_after: None };
        let service = service(runner(is_there, Ok(running(Ok(finished)))));
        service.ask(&caller, Ask { conversation: Some(id), ..ask() }).await.unwrap();
    }
}

#[tokio::test]
async fn a_model_that_nobody_offers_is_refused_before_anything_is_stored() {
    let wanted = Ask { model: Some(valid("huge")), ..ask() };
    let refused = service(MockTurnRunner::new()).ask(&caller(), wanted).await;
    assert!(matches!(refused, Err(AskError::UnknownModel)), "{refused:?}");
}

#[tokio::test]
async fn without_a_session_a_conversation_must_be_named() {
    let refused = service(MockTurnRunner::new()).ask(&program(), ask()).await;
    assert!(matches!(refused, Err(AskError::ConversationRequired)), "{refused:?}");
}

#[tokio::test]
async fn a_replayed_answer_says_so() {
    let started = Started::Replayed(Box::new(completed()));
    let answered = service(runner(|_| true, Ok(started))).ask(&caller(), ask()).await.unwrap();
    assert_eq!((answered.turn, answered.replayed), (completed(), true));
}

#[tokio::test]
async fn a_failed_turn_is_no_answer_when_it_is_replayed_either() {
    let stored = turn(TurnState::Failed(Failure::EngineError));
    let started = Started::Replayed(Box::new(stored.clone()));
    let failed = service(runner(|_| true, Ok(started))).ask(&caller(), ask()).await.unwrap_err();
    let AskError::EngineFailed { turn_id, failure, retry_after } = failed else { panic!("{failed:?}") };
    assert_eq!((turn_id, failure, retry_after), (stored.id, Failure::EngineError, None));
}

#[tokio::test]
async fn a_refusal_is_passed_on() {
    let busy = AcceptError::ConversationBusy { running: TurnId::from_uuid(uuid(9)) };
    let refused = service(runner(|_| true, Err(busy))).ask(&caller(), ask()).await;
    let is_busy = matches!(&refused, Err(AskError::Refused(AcceptError::ConversationBusy { running }))
        if *running == TurnId::from_uuid(uuid(9)));
    assert!(is_busy, "{refused:?}");
}

#[tokio::test]
async fn a_turn_that_failed_is_an_error_with_its_reason_and_when_to_try_again() {
    let turn = turn(TurnState::Failed(Failure::EngineUnavailable));
    let finished = Finished { turn: turn.clone(), retry_after: Some(Duration::from_secs(5)) };
    let failed = service(runner(|_| true, Ok(running(Ok(finished))))).ask(&caller(), ask()).await.unwrap_err();
    let AskError::EngineFailed { turn_id, failure, retry_after } = failed else { panic!("{failed:?}") };
    assert_eq!((turn_id, failure), (turn.id, Failure::EngineUnavailable));
    assert_eq!(retry_after, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_is_no_answer_but_its_turn_is_named() {
    let lost = Err(Unexpected::unavailable("the store is down"));
    let failed = service(runner(|_| true, Ok(running(lost)))).ask(&caller(), ask()).await;
    let Err(AskError::Unsettled { turn_id, source }) = failed else { panic!("{failed:?}") };
    assert!(turn_id == TurnId::from_uuid(uuid(1)) && source.is_unavailable());
}

#[tokio::test]
async fn s43_a_question_beyond_the_quota_is_refused_before_anything_is_stored() {
    let mut quota = MockQuota::new();
    let retry_after = Duration::from_secs(7);
    quota.expect_check().once().returning(move |user| {
        assert_eq!(user, ada().id);
        Err(QuotaError::Exceeded { retry_after })
    });
    let refused = service(MockTurnRunner::new()).with_quota(Arc::new(quota)).start(&caller(), ask()).await;
    assert!(
        matches!(refused, Err(AskError::QuotaExceeded { retry_after: after }) if after == retry_after),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_quota_that_cannot_be_looked_up_takes_no_question() {
    let mut quota = MockQuota::new();
    quota.expect_check().returning(|_| Err(Unexpected::unavailable("away").into()));
    let refused = service(MockTurnRunner::new()).with_quota(Arc::new(quota)).start(&caller(), ask()).await;
    let Err(AskError::Refused(AcceptError::Unexpected(error))) = refused else { panic!("{refused:?}") };
    assert!(error.is_unavailable());
}

#[tokio::test]
async fn a_question_within_the_quota_is_asked() {
    let mut quota = MockQuota::new();
    quota.expect_check().once().returning(|_| Ok(()));
    let finished = Finished { turn: completed(), retry_after: None };
    let service = service(runner(|_| true, Ok(running(Ok(finished))))).with_quota(Arc::new(quota));
    assert_eq!(service.ask(&caller(), ask()).await.unwrap().turn, completed());
}
