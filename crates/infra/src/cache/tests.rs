use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::api_key::{ApiKeyRepository as _, FoundApiKey, MockApiKeyRepository};
use domain::audit::{AuditKind, NewAuditEvent, Origin};
use domain::id::{ApiKeyId, AuditEventId, SessionId, UserId};
use domain::page::{ListError, Page, PageRequest};
use domain::session::{
    CredentialWatch as _, EndReason, Exchange, MockSessionRepository, NewSession, RefreshToken, Rotation, Session,
    SessionEntry, SessionRepository, SessionState, TokenHash,
};
use domain::user::{HashedPassword, MockUserRepository, RightsChange, Role, UserRepository as _, Username};
use futures_util::FutureExt as _;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{CachedKeys, CachedSessions, CachedUsers, Revocations};
use crate::live::WatchedCredentials;

const LONG: Duration = Duration::from_secs(3600);
const USER: UserId = UserId::from_uuid(Uuid::from_u128(2));
const SESSION: SessionId = SessionId::from_uuid(Uuid::from_u128(1));
const KEY: ApiKeyId = ApiKeyId::from_uuid(Uuid::from_u128(3));

fn session(state: SessionState) -> Session {
    Session {
        id: SESSION,
        user_id: USER,
        username: Username::try_from("ada".to_owned()).unwrap(),
        role: Role::User,
        user_is_active: true,
        state,
        is_fresh: true,
        needs_touch: true,
        expires_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn key(is_live: bool) -> FoundApiKey {
    FoundApiKey {
        id: KEY,
        user_id: USER,
        username: Username::try_from("ada".to_owned()).unwrap(),
        role: Role::User,
        user_is_active: true,
        hash: TokenHash([0; 32]),
        scopes: "usage:read".parse().unwrap(),
        is_live,
        needs_touch: true,
        created_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn event() -> NewAuditEvent {
    NewAuditEvent {
        id: AuditEventId::from_uuid(Uuid::from_u128(4)),
        at: chrono::DateTime::UNIX_EPOCH,
        kind: AuditKind::Logout,
        origin: Origin::default(),
        subject: None,
        object: None,
        detail: None,
    }
}

fn revocations() -> Revocations {
    Revocations::new(LONG, WatchedCredentials::default())
}

fn cached(inner: impl SessionRepository + 'static) -> CachedSessions {
    CachedSessions::new(Arc::new(inner), LONG, revocations())
}

/// A store that finds the session live at first, and ended when it is asked again.
fn ending() -> MockSessionRepository {
    let mut inner = MockSessionRepository::new();
    inner.expect_find().times(1).returning(|_| Ok(Some(session(SessionState::Live))));
    inner.expect_find().times(1).returning(|_| Ok(Some(session(SessionState::Ended))));
    inner
}

async fn state(sessions: &CachedSessions) -> Option<SessionState> {
    sessions.find(SESSION).await.unwrap().map(|session| session.state)
}

async fn end(sessions: &CachedSessions) -> Result<bool, Unexpected> {
    sessions.end(USER, SESSION, EndReason::Logout, event()).await
}

#[tokio::test]
async fn a_live_session_is_looked_up_once_and_touched_by_whoever_did() {
    let mut inner = MockSessionRepository::new();
    inner.expect_find().times(1).returning(|_| Ok(Some(session(SessionState::Live))));
    let sessions = cached(inner);
    for needs_touch in [true, false, false] {
        let found = sessions.find(SESSION).await.unwrap().unwrap();
        assert_eq!((found.state, found.needs_touch), (SessionState::Live, needs_touch));
    }
}

#[tokio::test]
async fn only_usable_sessions_are_remembered() {
    let mut inner = MockSessionRepository::new();
    inner.expect_find().times(2).returning(|_| Ok(Some(session(SessionState::Expired))));
    inner.expect_find().times(2).returning(|_| Ok(None));
    inner.expect_find().times(2).returning(|_| {
        let session = session(SessionState::Live);
        Ok(Some(Session { user_is_active: false, ..session }))
    });
    let sessions = cached(inner);
    for expected in [Some(SessionState::Expired), None, Some(SessionState::Live)] {
        assert_eq!(state(&sessions).await, expected);
        assert_eq!(state(&sessions).await, expected);
    }
}

#[tokio::test]
async fn a_session_that_was_ended_here_is_not_believed_live_and_its_readers_are_told() {
    let mut inner = ending();
    inner.expect_end().times(1).returning(|_, _, _, _| Ok(true));
    let watched = WatchedCredentials::default();
    let sessions = CachedSessions::new(Arc::new(inner), LONG, Revocations::new(LONG, watched.clone()));
    assert_eq!(state(&sessions).await, Some(SessionState::Live));
    let watch = watched.ended(CredentialId::Session(SESSION));
    assert!(end(&sessions).await.unwrap());
    assert_eq!(state(&sessions).await, Some(SessionState::Ended));
    watch.now_or_never().unwrap();
}

/// The answer to the first attempt may have been lost, or another replica was faster.
#[tokio::test]
async fn a_session_that_was_over_already_is_not_believed_live() {
    let mut inner = ending();
    inner.expect_end().times(1).returning(|_, _, _, _| Ok(false));
    let sessions = cached(inner);
    assert_eq!(state(&sessions).await, Some(SessionState::Live));
    assert!(!end(&sessions).await.unwrap());
    assert_eq!(state(&sessions).await, Some(SessionState::Ended));
}

#[tokio::test]
async fn a_session_that_may_have_ended_is_not_believed_live() {
    let mut inner = ending();
    inner.expect_end().times(1).returning(|_, _, _, _| Err(Unexpected::unavailable("the store is down")));
    let sessions = cached(inner);
    assert_eq!(state(&sessions).await, Some(SessionState::Live));
    assert!(end(&sessions).await.is_err());
    assert_eq!(state(&sessions).await, Some(SessionState::Ended));
}

#[tokio::test]
async fn sessions_that_end_together_or_by_a_reuse_are_not_believed_live() {
    let mut inner = ending();
    inner.expect_end_all().times(1).returning(|_, _, _, _| Ok(vec![SESSION]));
    let sessions = cached(inner);
    assert_eq!(state(&sessions).await, Some(SessionState::Live));
    sessions.end_all(USER, None, EndReason::Revoked, event()).await.unwrap();
    assert_eq!(state(&sessions).await, Some(SessionState::Ended));

    let mut inner = ending();
    inner.expect_rotate().times(1).returning(|_| Ok(Rotation::Reused(SESSION)));
    let sessions = cached(inner);
    assert_eq!(state(&sessions).await, Some(SessionState::Live));
    let (presented, successor) = (TokenHash([1; 32]), TokenHash([2; 32]));
    let exchange = Exchange { presented, successor, grace: LONG, reuse: event() };
    assert!(matches!(sessions.rotate(exchange).await.unwrap(), Rotation::Reused(SESSION)));
    assert_eq!(state(&sessions).await, Some(SessionState::Ended));
}

#[tokio::test]
async fn a_password_that_is_given_again_counts_at_once() {
    let mut inner = MockSessionRepository::new();
    let stale = || Session { is_fresh: false, ..session(SessionState::Live) };
    inner.expect_find().times(1).returning(move |_| Ok(Some(stale())));
    inner.expect_find().times(1).returning(|_| Ok(Some(session(SessionState::Live))));
    inner.expect_confirm().times(1).returning(|_, _| Ok(()));
    let sessions = cached(inner);
    assert!(!sessions.find(SESSION).await.unwrap().unwrap().is_fresh);
    sessions.confirm(SESSION, event()).await.unwrap();
    assert!(sessions.find(SESSION).await.unwrap().unwrap().is_fresh);
}

#[tokio::test]
async fn a_cookies_session_is_looked_up_once_but_not_its_absence() {
    let mut inner = MockSessionRepository::new();
    inner.expect_find_by_cookie().times(2).returning(|_| Ok(None));
    inner.expect_find_by_cookie().times(1).returning(|_| Ok(Some(SESSION)));
    let sessions = cached(inner);
    for expected in [None, None, Some(SESSION), Some(SESSION)] {
        assert_eq!(sessions.find_by_cookie(TokenHash([1; 32])).await.unwrap(), expected);
    }
}

/// A store whose first look-up sees the session live, and answers only after the session has ended.
struct SlowStore {
    looked_up: Arc<Notify>,
    answers: Arc<Notify>,
    look_ups: AtomicUsize,
}

#[async_trait]
impl SessionRepository for SlowStore {
    async fn open(&self, _: NewSession, _: NewAuditEvent) -> Result<(), Unexpected> {
        unreachable!("nobody logs in")
    }

    async fn find(&self, _: SessionId) -> Result<Option<Session>, Unexpected> {
        if self.look_ups.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(Some(session(SessionState::Ended)));
        }
        self.looked_up.notify_one();
        self.answers.notified().await;
        Ok(Some(session(SessionState::Live)))
    }

    async fn find_by_cookie(&self, _: TokenHash) -> Result<Option<SessionId>, Unexpected> {
        unreachable!("nobody has a cookie")
    }

    async fn find_refresh(&self, _: TokenHash) -> Result<Option<RefreshToken>, Unexpected> {
        unreachable!("nobody has a token")
    }

    async fn touch(&self, _: SessionId) -> Result<(), Unexpected> {
        unreachable!("nobody uses it")
    }

    async fn confirm(&self, _: SessionId, _: NewAuditEvent) -> Result<(), Unexpected> {
        unreachable!("nobody gives a password")
    }

    async fn rotate(&self, _: Exchange) -> Result<Rotation, Unexpected> {
        unreachable!("nobody has a token")
    }

    async fn end(&self, _: UserId, _: SessionId, _: EndReason, _: NewAuditEvent) -> Result<bool, Unexpected> {
        Ok(true)
    }

    async fn end_all(
        &self,
        _: UserId,
        _: Option<SessionId>,
        _: EndReason,
        _: NewAuditEvent,
    ) -> Result<Vec<SessionId>, Unexpected> {
        Ok(vec![SESSION])
    }

    async fn list(&self, _: UserId, _: PageRequest<SessionId>) -> Result<Page<SessionEntry>, ListError> {
        unreachable!("nobody lists them")
    }
}

/// What is found after `ending`, which happened while the session was being looked up.
async fn found_after(ending: impl AsyncFnOnce(&CachedSessions, &Revocations)) -> Option<SessionState> {
    let (looked_up, answers) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let store = SlowStore { looked_up: looked_up.clone(), answers: answers.clone(), look_ups: AtomicUsize::new(0) };
    let revocations = revocations();
    let sessions = CachedSessions::new(Arc::new(store), LONG, revocations.clone());
    let ending = async {
        looked_up.notified().await;
        ending(&sessions, &revocations).await;
        answers.notify_one();
    };
    tokio::join!(state(&sessions), ending);
    state(&sessions).await
}

#[tokio::test]
async fn a_session_that_ends_during_a_look_up_stays_ended() {
    let ended = Some(SessionState::Ended);
    assert_eq!(found_after(async |sessions, _| assert!(end(sessions).await.unwrap())).await, ended);
    let all = async |sessions: &CachedSessions, _: &Revocations| {
        sessions.end_all(USER, None, EndReason::Revoked, event()).await.unwrap();
    };
    assert_eq!(found_after(all).await, ended);
    let demoted = async |_: &CachedSessions, revocations: &Revocations| {
        let mut inner = MockUserRepository::new();
        inner.expect_set_role().return_once(|_, _, _| Ok(RightsChange::Made(Vec::new())));
        let users = CachedUsers::new(Arc::new(inner), LONG, revocations.clone());
        users.set_role(USER, Role::Admin, event()).await.unwrap();
    };
    assert_eq!(found_after(demoted).await, ended);
}

#[tokio::test]
async fn whatever_changes_a_user_is_seen_at_once() {
    type Change = fn(&mut MockUserRepository);
    let changes: [Change; 4] = [
        |inner| {
            inner.expect_change_profile().return_once(|_, _, _| Ok(None));
        },
        |inner| {
            inner.expect_set_password().return_once(|_, _, _, _| Ok(Some(vec![SESSION])));
        },
        |inner| {
            inner.expect_set_role().return_once(|_, _, _| Err(Unexpected::unavailable("lost")));
        },
        |inner| {
            inner.expect_set_active().return_once(|_, _, _| Ok(RightsChange::Made(Vec::new())));
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut inner, revocations) = (MockUserRepository::new(), revocations());
        inner.expect_find().times(2).returning(|_| Ok(Some(ada())));
        change(&mut inner);
        let sessions = CachedSessions::new(Arc::new(ending()), LONG, revocations.clone());
        let users = CachedUsers::new(Arc::new(inner), LONG, revocations);
        for _ in 0..2 {
            users.find(USER).await.unwrap();
            assert_eq!(state(&sessions).await, Some(SessionState::Live));
        }
        match number {
            0 => drop(users.change_profile(USER, domain::user::ProfileChange::default(), event()).await.unwrap()),
            1 => drop(users.set_password(USER, HashedPassword::new("$new"), None, event()).await.unwrap()),
            2 => drop(users.set_role(USER, Role::Admin, event()).await.unwrap_err()),
            _ => drop(users.set_active(USER, false, event()).await.unwrap()),
        }
        users.find(USER).await.unwrap();
        assert_eq!(state(&sessions).await, Some(SessionState::Ended), "change {number}");
    }
}

#[tokio::test]
async fn what_is_over_with_a_users_rights_is_told_to_its_readers() {
    let credentials = [CredentialId::Session(SESSION), CredentialId::ApiKey(KEY)];
    let mut inner = MockUserRepository::new();
    inner.expect_set_active().return_once(move |_, _, _| Ok(RightsChange::Made(credentials.to_vec())));
    let watched = WatchedCredentials::default();
    let users = CachedUsers::new(Arc::new(inner), LONG, Revocations::new(LONG, watched.clone()));
    let endings = credentials.map(|credential| watched.ended(credential));
    users.set_active(USER, false, event()).await.unwrap();
    for ending in endings {
        ending.now_or_never().unwrap();
    }
}

#[tokio::test]
async fn a_key_is_looked_up_once_until_it_is_revoked() {
    for (revoked, is_told) in [(Ok(true), true), (Ok(false), false), (Err(Unexpected::unavailable("lost")), false)] {
        let mut inner = MockApiKeyRepository::new();
        inner.expect_find().times(1).returning(|_| Ok(Some(key(true))));
        inner.expect_find().times(2).returning(|_| Ok(Some(key(false))));
        inner.expect_revoke().return_once(|_, _, _| revoked);
        let watched = WatchedCredentials::default();
        let keys = CachedKeys::new(Arc::new(inner), LONG, Revocations::new(LONG, watched.clone()));
        let watch = watched.ended(CredentialId::ApiKey(KEY));
        for needs_touch in [true, false, false] {
            let found = keys.find(KEY).await.unwrap().unwrap();
            assert_eq!((found.is_live, found.needs_touch), (true, needs_touch));
        }
        drop(keys.revoke(USER, KEY, event()).await);
        for _ in 0..2 {
            assert!(!keys.find(KEY).await.unwrap().unwrap().is_live, "only live keys are remembered");
        }
        assert_eq!(watch.now_or_never().is_some(), is_told);
    }
}

fn ada() -> domain::user::User {
    domain::user::User {
        id: USER,
        username: Username::try_from("ada".to_owned()).unwrap(),
        email: domain::user::Email::try_from("ada@example.org".to_owned()).unwrap(),
        role: Role::User,
        is_active: true,
        account_created: chrono::DateTime::UNIX_EPOCH,
        last_login: None,
    }
}
