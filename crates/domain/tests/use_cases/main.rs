//! The use cases over mocked ports: no store, no hashing, no clock, no network.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what every test shares is no test by itself")]

mod account;
mod administration;
mod api_keys;
mod authentication;
mod chat;
mod confirmation;
mod conversations;
mod erasure;
mod export;
mod housekeeping;
mod inline;
mod introspection;
mod login;
mod opaque;
mod refresh;
mod registration;
mod rotation;
mod sessions;
mod usage;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use domain::access::{Credential, Principal};
use domain::api_key::FoundApiKey;
use domain::audit::{AuditKind, AuditTrail, MockAuditLog, NewAuditEvent, Origin};
use domain::chat::{ContextBudget, ConversationChoice, NewTurn, OnBusy, OnDisconnect, Sampling, TurnPlan};
use domain::clock::MockClock;
use domain::conversation::{Metadata, TimeToLive};
use domain::id::{ApiKeyId, ConversationId, IdGenerator, MockIdGenerator, ReplicaId, SessionId, TurnId, UserId};
use domain::session::{Client, Session, SessionState, TokenHash};
use domain::throttle::StreamPermit;
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

const SESSION: SessionId = SessionId::from_uuid(Uuid::from_u128(200));
const KEY: ApiKeyId = ApiKeyId::from_uuid(Uuid::from_u128(201));

/// Ada, in a session whose password was given a moment ago.
fn caller() -> Principal {
    let User { id, username, role, .. } = ada();
    Principal { user_id: id, username, role, credential: Credential::Session { id: SESSION, is_fresh: true } }
}

/// Ada, in a session whose password was given long ago.
fn stale_caller() -> Principal {
    Principal { credential: Credential::Session { id: SESSION, is_fresh: false }, ..caller() }
}

fn with_key() -> Credential {
    Credential::ApiKey { id: KEY, scopes: "conversations:write".parse().unwrap() }
}

/// Ada's program, with her key.
fn program() -> Principal {
    Principal { credential: with_key(), ..caller() }
}

fn client() -> Client {
    Client::new(Some([192, 0, 2, 1].into()), Some("curl"))
}

/// Ada's session.
fn session() -> Session {
    Session {
        id: SESSION,
        user_id: ada().id,
        username: ada().username,
        role: Role::User,
        user_is_active: true,
        state: SessionState::Live,
        is_fresh: true,
        needs_touch: false,
        expires_at: moment(),
    }
}

/// Ada's key.
fn key() -> FoundApiKey {
    FoundApiKey {
        id: KEY,
        user_id: ada().id,
        username: ada().username,
        role: Role::User,
        user_is_active: true,
        hash: TokenHash([7; 32]),
        scopes: "conversations:write".parse().unwrap(),
        is_live: true,
        needs_touch: false,
        created_at: moment(),
        expires_at: moment(),
    }
}

/// A trail in which nothing may be recorded by itself.
fn silent_trail() -> AuditTrail {
    trail(MockAuditLog::new())
}

/// A trail in which that is recorded once.
fn trail_of(is_expected: impl Fn(&NewAuditEvent) -> bool + Send + 'static) -> AuditTrail {
    let mut log = MockAuditLog::new();
    log.expect_record().once().withf(is_expected).returning(|_| Ok(()));
    trail(log)
}

fn trail(log: MockAuditLog) -> AuditTrail {
    AuditTrail::new(Arc::new(log), clock(), ids())
}

/// Whether it is what Ada did to her own account, in a request of [`caller`]'s.
fn is_ada_own(event: &NewAuditEvent, kind: AuditKind) -> bool {
    let origin = Origin { actor: Some(ada().id), session_id: Some(SESSION), client: client() };
    (event.kind, &event.origin, event.subject, event.at) == (kind, &origin, Some(ada().id), moment())
}

/// Whether somebody whom nobody knows did it to her account.
fn is_from_unknown(event: &NewAuditEvent, kind: AuditKind) -> bool {
    (event.kind, &event.origin, event.at) == (kind, &Origin::unknown(client()), moment())
}

fn plan() -> TurnPlan {
    let turn = NewTurn {
        id: TurnId::from_uuid(uuid(300)),
        user_id: ada().id,
        session_id: Some(SESSION),
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
        permit: StreamPermit::uncounted(),
    }
}
