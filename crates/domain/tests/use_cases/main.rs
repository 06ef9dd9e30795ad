//! The use cases over mocked ports: no store, no hashing, no clock, no network.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what every test shares is no test by itself")]

mod authentication;
mod chat;
mod conversations;
mod inline;
mod login;
mod registration;
mod rotation;
mod usage;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use domain::chat::{ContextBudget, ConversationChoice, NewTurn, OnBusy, OnDisconnect, Sampling, TurnPlan};
use domain::clock::MockClock;
use domain::conversation::{Metadata, TimeToLive};
use domain::id::{ConversationId, IdGenerator, MockIdGenerator, ReplicaId, SessionId, TurnId, UserId};
use domain::session::Principal;
use domain::user::{Role, User};
use uuid::Uuid;

const BUDGET: ContextBudget = ContextBudget { max_turns: 7, max_tokens: 70 };

fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn clock() -> Arc<MockClock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(moment);
    Arc::new(clock)
}

/// Identifiers that count from 1.
fn ids() -> Arc<dyn IdGenerator> {
    let mut ids = MockIdGenerator::new();
    let count = AtomicU64::new(1);
    ids.expect_next().returning(move || Uuid::from_u64_pair(0, count.fetch_add(1, Ordering::Relaxed)));
    Arc::new(ids)
}

fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn valid<T: TryFrom<String, Error: Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

fn ttl() -> TimeToLive {
    TimeToLive::try_from(3_600).unwrap()
}

fn ada() -> User {
    User {
        id: UserId::from_uuid(uuid(100)),
        username: valid("Ada"),
        email: valid("ada@example.org"),
        role: Role::User,
        is_active: true,
        account_created: moment(),
        last_login: None,
    }
}

fn caller() -> Principal {
    let User { id, username, role, .. } = ada();
    Principal { user_id: id, username, role, session_id: Some(SessionId::from_uuid(uuid(200))) }
}

fn plan() -> TurnPlan {
    let turn = NewTurn {
        id: TurnId::from_uuid(uuid(300)),
        user_id: ada().id,
        session_id: caller().session_id,
        conversation: ConversationChoice::Existing(ConversationId::from_uuid(uuid(400))),
        question: valid("Who am I?"),
        model: None,
        metadata: Metadata::default(),
        replica: ReplicaId::from_uuid(uuid(500)),
        entry_time: moment(),
        default_ttl: ttl(),
        budget: BUDGET,
        idempotency: None,
    };
    TurnPlan {
        turn,
        offered: vec![valid("the-conversations")],
        sampling: Sampling::default(),
        on_busy: OnBusy::Reject,
        on_disconnect: OnDisconnect::Continue,
    }
}
