use std::sync::Arc;

use chrono::TimeDelta;
use domain::Unexpected;
use domain::api_key::{ApiKeySecret, FoundApiKey, MockApiKeyRepository};
use domain::audit::AuditKind;
use domain::id::UserId;
use domain::session::{
    AccessClaims, EndReason, Introspection, IntrospectionService, MockSessionRepository, MockTokenIssuer, RefreshToken,
    Session, SessionState, TokenError, TokenHash, TokenKind, VerifiedToken,
};

use super::opaque::{Fnv, SECRET, hash, opaque};
use super::{KEY, SESSION, ada, client, is_from_unknown, key, moment, session, silent_trail, uuid, valid};

/// The ports of the use case. Unless a test says otherwise, none of them may be asked.
#[derive(Default)]
struct Ports {
    tokens: MockTokenIssuer,
    sessions: MockSessionRepository,
    keys: MockApiKeyRepository,
}

impl Ports {
    /// An access token of Ada's, whose session is found like this.
    fn access(found: Option<Session>) -> Self {
        let mut ports = Self::default();
        let claims = AccessClaims { user_id: ada().id, session_id: SESSION, username: valid("Ada-as-she-was") };
        let expires_at = moment() + TimeDelta::seconds(900);
        let verified = VerifiedToken { claims, id: uuid(1), issued_at: moment(), expires_at };
        ports.tokens.expect_verify().once().return_once(|_| Ok(verified));
        ports.sessions.expect_find().once().withf(|id| *id == SESSION).return_once(|_| Ok(found));
        ports
    }

    /// No access token, but this refresh token.
    fn refresh(found: Option<RefreshToken>) -> Self {
        let mut ports = Self::default();
        ports.tokens.expect_verify().once().return_once(|_| Err(TokenError::Invalid("no JWT".to_owned())));
        let is_it = |token: &TokenHash| *token == hash("token");
        ports.sessions.expect_find_refresh().once().withf(is_it).return_once(|_| Ok(found));
        ports
    }

    fn key(found: Option<FoundApiKey>) -> Self {
        let mut ports = Self::default();
        ports.keys.expect_find().once().withf(|id| *id == KEY).return_once(|_| Ok(found));
        ports
    }

    /// Ada's session is ended, by whoever it is.
    fn ending(mut self) -> Self {
        self.sessions
            .expect_end()
            .once()
            .withf(|owner, id, reason, event| {
                (*owner, *id, *reason) == (ada().id, SESSION, EndReason::Revoked)
                    && is_from_unknown(event, AuditKind::SessionRevoked)
                    && (event.subject, event.object) == (Some(ada().id), Some(SESSION.as_uuid()))
            })
            .returning(|_, _, _, _| Ok(true));
        self
    }

    fn service(self) -> IntrospectionService {
        let Self { tokens, sessions, keys } = self;
        let (tokens, sessions, keys) = (Arc::new(tokens), Arc::new(sessions), Arc::new(keys));
        IntrospectionService::new(tokens, sessions, keys, Arc::new(opaque()), silent_trail())
    }

    async fn introspect(self, token: &str) -> Option<Introspection> {
        self.service().introspect(token).await.unwrap()
    }

    async fn revoke(self, token: &str) {
        self.service().revoke(token, client()).await.unwrap();
    }
}

fn secret() -> String {
    ApiKeySecret::new(KEY, &SECRET.into(), &Fnv).expose().to_owned()
}

fn found_key() -> FoundApiKey {
    FoundApiKey { hash: hash(&secret()), ..key() }
}

fn refresh(session: Session, is_current: bool) -> RefreshToken {
    RefreshToken { session, is_current }
}

fn useless() -> [Session; 3] {
    [
        Session { state: SessionState::Ended, ..session() },
        Session { state: SessionState::Expired, ..session() },
        Session { user_is_active: false, ..session() },
    ]
}

#[tokio::test]
async fn a_token_that_can_be_used_is_told_of() {
    let expected = Introspection {
        kind: TokenKind::Access,
        user_id: ada().id,
        username: ada().username,
        session_id: Some(SESSION),
        scopes: None,
        issued_at: Some(moment()),
        expires_at: moment() + TimeDelta::seconds(900),
    };
    assert_eq!(Ports::access(Some(session())).introspect("token").await, Some(expected.clone()));
    let of_refresh =
        Introspection { kind: TokenKind::Refresh, issued_at: None, expires_at: moment(), ..expected.clone() };
    assert_eq!(Ports::refresh(Some(refresh(session(), true))).introspect("token").await, Some(of_refresh));
    let of_key = Introspection {
        kind: TokenKind::ApiKey,
        session_id: None,
        scopes: Some(key().scopes),
        expires_at: moment(),
        ..expected
    };
    assert_eq!(Ports::key(Some(found_key())).introspect(&secret()).await, Some(of_key));
}

#[tokio::test]
async fn a_token_that_cannot_be_used_is_worth_nothing() {
    for session in useless() {
        assert_eq!(Ports::access(Some(session.clone())).introspect("token").await, None);
        assert_eq!(Ports::refresh(Some(refresh(session, true))).introspect("token").await, None);
    }
    let foreign = Session { user_id: UserId::from_uuid(uuid(101)), ..session() };
    for found in [None, Some(foreign)] {
        assert_eq!(Ports::access(found).introspect("token").await, None);
    }
    for found in [None, Some(refresh(session(), false))] {
        assert_eq!(Ports::refresh(found).introspect("token").await, None);
    }
    for found in [
        None,
        Some(FoundApiKey { hash: TokenHash([7; 32]), ..found_key() }),
        Some(FoundApiKey { is_live: false, ..found_key() }),
        Some(FoundApiKey { user_is_active: false, ..found_key() }),
    ] {
        assert_eq!(Ports::key(found).introspect(&secret()).await, None);
    }
    let mut expired = Ports::default();
    expired.tokens.expect_verify().once().return_once(|_| Err(TokenError::Expired));
    assert_eq!(expired.introspect("token").await, None);
}

#[tokio::test]
async fn whoever_has_a_sessions_token_ends_the_session() {
    Ports::access(Some(session())).ending().revoke("token").await;
    Ports::refresh(Some(refresh(session(), true))).ending().revoke("token").await;
}

#[tokio::test]
async fn whoever_has_a_key_revokes_it() {
    let mut ports = Ports::key(Some(found_key()));
    ports
        .keys
        .expect_revoke()
        .once()
        .withf(|owner, id, event| {
            (*owner, *id) == (ada().id, KEY)
                && is_from_unknown(event, AuditKind::KeyRevoked)
                && (event.subject, event.object) == (Some(ada().id), Some(KEY.as_uuid()))
        })
        .returning(|_, _, _| Ok(true));
    ports.revoke(&secret()).await;
}

/// Nothing may be ended with a token that is not known: the ports would tell.
#[tokio::test]
async fn a_token_that_is_not_known_revokes_nothing_and_is_no_error() {
    let foreign = Session { user_id: UserId::from_uuid(uuid(101)), ..session() };
    for found in [None, Some(foreign)] {
        Ports::access(found).revoke("token").await;
    }
    for found in [None, Some(refresh(session(), false))] {
        Ports::refresh(found).revoke("token").await;
    }
    for found in [None, Some(FoundApiKey { hash: TokenHash([7; 32]), ..found_key() })] {
        Ports::key(found).revoke(&secret()).await;
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_no_answer() {
    let mut ports = Ports::default();
    ports.keys.expect_find().once().returning(|_| Err(Unexpected::unavailable("the store is down")));
    assert!(ports.service().introspect(&secret()).await.unwrap_err().is_unavailable());
}
