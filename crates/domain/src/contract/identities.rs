//! Users, sessions, keys and events for the cases.

use std::time::Duration;

use super::StoreUnderTest;
use super::fixtures::{HOUR, at, new_id, new_user, page, valid};
use crate::access::{CredentialId, Scopes};
use crate::api_key::NewApiKey;
use crate::audit::{AuditEvent, AuditFilter, AuditKind, NewAuditEvent, Origin};
use crate::id::{ApiKeyId, AuditEventId, SessionId, UserId};
use crate::page::Order;
use crate::session::{Client, Lifetimes, NewSession, TokenHash};
use crate::user::NewUser;

/// A user who is stored.
pub(super) async fn create_user(store: &StoreUnderTest) -> NewUser {
    let user = new_user();
    create(store, &user).await;
    user
}

pub(super) async fn create(store: &StoreUnderTest, user: &NewUser) {
    store.users.create(user.clone(), event(AuditKind::UserCreated)).await.expect("a user can be created");
}

/// A session for an hour, of nobody in particular's browser or program.
pub(super) fn new_session(user_id: UserId) -> NewSession {
    let id = SessionId::from_uuid(new_id());
    let lifetimes = Lifetimes { idle: HOUR, absolute: HOUR };
    NewSession { id, user_id, client: Client::default(), lifetimes, refresh: None, cookie: None }
}

pub(super) async fn open(store: &StoreUnderTest, session: &NewSession) {
    store.sessions.open(session.clone(), event(AuditKind::LoginSucceeded)).await.expect("a session can be opened");
}

pub(super) async fn open_session(store: &StoreUnderTest, user: UserId, lifetime: Duration) -> SessionId {
    let lifetimes = Lifetimes { idle: lifetime, absolute: lifetime };
    let session = NewSession { lifetimes, ..new_session(user) };
    open(store, &session).await;
    session.id
}

/// A hash that no other token has.
pub(super) fn new_hash() -> TokenHash {
    let mut hash = [0xff; 32];
    hash[..16].copy_from_slice(new_id().as_bytes());
    TokenHash(hash)
}

/// A key that is good for an age, by whatever clock.
pub(super) fn new_key(user_id: UserId) -> NewApiKey {
    let scopes: Scopes = "conversations:read usage:read".parse().expect("valid scopes");
    NewApiKey {
        id: ApiKeyId::from_uuid(new_id()),
        user_id,
        name: valid("päivä; 'x' %s"),
        hash: new_hash(),
        scopes,
        created_at: at(0),
        expires_at: at(10_000_000_000),
    }
}

pub(super) async fn create_key(store: &StoreUnderTest, key: &NewApiKey) {
    store.keys.create(key.clone(), event(AuditKind::KeyCreated)).await.expect("a key can be created");
}

/// Something that happened to nobody.
pub(super) fn event(kind: AuditKind) -> NewAuditEvent {
    let id = AuditEventId::from_uuid(new_id());
    NewAuditEvent { id, at: at(0), kind, origin: Origin::default(), subject: None, object: None, detail: None }
}

/// The event as it should be found.
pub(super) fn as_stored(event: &NewAuditEvent) -> AuditEvent {
    let NewAuditEvent { id, at, kind, origin, subject, object, detail } = event.clone();
    AuditEvent { id, at, kind, origin, subject, object, detail, count: 1 }
}

/// What is written down about the user is these, each once.
pub(super) async fn assert_written(store: &StoreUnderTest, about: UserId, events: &[&NewAuditEvent]) {
    let filter = AuditFilter { subject: Some(about), ..AuditFilter::default() };
    let found = store.audit.list(filter, page(100, None, Order::Ascending)).await.expect("events can be listed");
    let expected: Vec<AuditEvent> = events.iter().map(|event| as_stored(event)).collect();
    assert_eq!(found.items, expected, "a change is written down once, and nothing else is");
}

/// In a fixed order, for comparing.
pub(super) fn sorted(mut credentials: Vec<CredentialId>) -> Vec<CredentialId> {
    credentials.sort_by_key(|credential| credential.as_uuid());
    credentials
}
