use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::Unexpected;
use domain::chat::{
    AcceptError, ContextBudget, ConversationChoice, MockChatEngine, MockReplicaLease, MockTurnJournal, NewTurn, OnBusy,
    OnDisconnect, Sampling, Settlement, TurnPlan, TurnRunner,
};
use domain::clock::MockClock;
use domain::conversation::{Metadata, MockTurnRepository, Question, TimeToLive};
use domain::id::{ConversationId, ReplicaId, TurnId, UserId};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::{LivePorts, LiveRunner};

fn plan() -> TurnPlan {
    let turn = NewTurn {
        id: TurnId::from_uuid(Uuid::from_u128(1)),
        user_id: UserId::from_uuid(Uuid::from_u128(2)),
        session_id: None,
        conversation: ConversationChoice::Existing(ConversationId::from_uuid(Uuid::from_u128(3))),
        question: Question::try_from("Is anybody there?".to_owned()).unwrap(),
        model: None,
        metadata: Metadata::default(),
        replica: ReplicaId::from_uuid(Uuid::from_u128(4)),
        entry_time: chrono::DateTime::UNIX_EPOCH,
        default_ttl: TimeToLive::try_from(60).unwrap(),
        budget: ContextBudget { max_turns: 1, max_tokens: 1 },
        idempotency: None,
    };
    TurnPlan {
        turn,
        offered: Vec::new(),
        sampling: Sampling::default(),
        on_busy: OnBusy::Reject,
        on_disconnect: OnDisconnect::Continue,
    }
}

/// A runner whose store does not say whether it took a question, and answers the nth attempt to close it.
fn undecided(settle: impl Fn(usize) -> Settlement + Send + 'static) -> LiveRunner {
    let mut journal = MockTurnJournal::new();
    journal.expect_accept().returning(|_| Err(AcceptError::Undecided(Unexpected::unavailable("cut"))));
    let attempts = AtomicUsize::new(0);
    journal.expect_finish().returning(move |_| Ok(settle(attempts.fetch_add(1, Ordering::Relaxed))));
    let mut clock = MockClock::new();
    clock.expect_now().return_const(chrono::DateTime::UNIX_EPOCH);
    let ports = LivePorts {
        journal: Arc::new(journal),
        turns: Arc::new(MockTurnRepository::new()),
        leases: Arc::new(MockReplicaLease::new()),
        engine: Arc::new(MockChatEngine::new()),
        clock: Arc::new(clock),
    };
    LiveRunner::new(Handle::current(), ports)
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_committed_late_is_closed() {
    let (closed, mut closing) = mpsc::unbounded_channel();
    let runner = undecided(move |attempt| {
        let settlement = if attempt < 3 { Settlement::Lost } else { Settlement::Stored };
        closed.send(settlement).unwrap();
        settlement
    });
    assert!(matches!(runner.start(plan()).await, Err(AcceptError::Undecided(_))));
    for expected in [Settlement::Lost, Settlement::Lost, Settlement::Lost, Settlement::Stored] {
        assert_eq!(closing.recv().await, Some(expected));
    }
    drop(runner);
    assert_eq!(closing.recv().await, None, "what is closed is not looked for again");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_never_comes_is_not_looked_for_for_ever() {
    let (closed, mut closing) = mpsc::unbounded_channel();
    let runner = undecided(move |_| {
        closed.send(Settlement::Lost).unwrap();
        Settlement::Lost
    });
    let begun = Instant::now();
    assert!(runner.start(plan()).await.is_err());
    drop(runner);
    while closing.recv().await.is_some() {}
    assert!((Duration::from_secs(30)..Duration::from_secs(35)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_what_is_looked_for() {
    let runner = undecided(|_| Settlement::Lost);
    assert!(runner.start(plan()).await.is_err());
    let begun = Instant::now();
    runner.drain(Duration::from_secs(60)).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
