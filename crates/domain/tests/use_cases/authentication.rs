use std::sync::Arc;

use domain::Unexpected;
use domain::access::{Credential, CredentialId, Permission, Principal};
use domain::api_key::{ApiKeyAuthenticator, ApiKeySecret, FoundApiKey, MockApiKeyRepository};
use domain::audit::{AuditKind, Origin};
use domain::id::UserId;
use domain::session::{
    AccessClaims, AuthenticateError, AuthenticationService, MockSessionRepository, MockTicketRepository,
    MockTokenIssuer, Session, SessionState, TokenError, TokenHash, VerifiedToken,
};
use domain::user::Role;

use super::opaque::{Fnv, SECRET, hash, opaque};
use super::{KEY, SESSION, ada, caller, key, moment, program, session, silent_trail, uuid, valid};

/// The ports of the use case. Unless a test says otherwise, none of them may be asked.
#[derive(Default)]
struct Ports {
    tokens: MockTokenIssuer,
    sessions: MockSessionRepository,
    keys: MockApiKeyRepository,
    tickets: MockTicketRepository,
}

impl Ports {
    /// `token` is a sound token of Ada's.
    fn verifying(mut self) -> Self {
        let claims = AccessClaims { user_id: ada().id, session_id: SESSION, username: valid("Ada-as-she-was") };
        let verified = VerifiedToken { claims, id: uuid(1), issued_at: moment(), expires_at: moment() };
        self.tokens.expect_verify().once().withf(|token| token == "token").return_once(|_| Ok(verified));
        self
    }

    fn finding(mut self, found: Result<Option<Session>, Unexpected>) -> Self {
        self.sessions.expect_find().once().withf(|id| *id == SESSION).return_once(|_| found);
        self
    }

    fn finding_key(mut self, found: Result<Option<FoundApiKey>, Unexpected>) -> Self {
        self.keys.expect_find().once().withf(|id| *id == KEY).return_once(|_| found);
        self
    }

    /// `ticket` stands for that, once.
    fn redeeming(mut self, credential: Option<CredentialId>) -> Self {
        let is_it = |ticket: &TokenHash| *ticket == hash("ticket");
        self.tickets.expect_redeem().once().withf(is_it).return_once(move |_| Ok(credential));
        self
    }

    fn service(self) -> AuthenticationService {
        let Self { tokens, sessions, keys, tickets } = self;
        let keys = ApiKeyAuthenticator::new(Arc::new(keys), Arc::new(opaque()), silent_trail());
        AuthenticationService::new(Arc::new(tokens), Arc::new(sessions), keys, Arc::new(tickets), Arc::new(opaque()))
    }

    async fn bearer(self, token: &str) -> Result<Principal, AuthenticateError> {
        self.service().bearer(token).await
    }
}

/// What a sound token of Ada's comes to when its session is found like this.
async fn authenticate(found: Result<Option<Session>, Unexpected>) -> Result<Principal, AuthenticateError> {
    Ports::default().verifying().finding(found).bearer("token").await
}

fn useless_sessions() -> [Option<Session>; 4] {
    [
        None,
        Some(Session { state: SessionState::Ended, ..session() }),
        Some(Session { state: SessionState::Expired, ..session() }),
        Some(Session { user_is_active: false, ..session() }),
    ]
}

/// Ada's key as it is sent.
fn secret() -> String {
    ApiKeySecret::new(KEY, &SECRET.into(), &Fnv).expose().to_owned()
}

fn found_key() -> FoundApiKey {
    FoundApiKey { hash: hash(&secret()), ..key() }
}

#[tokio::test]
async fn a_live_session_says_who_it_is_and_what_they_may_do_now() {
    assert_eq!(authenticate(Ok(Some(session()))).await.unwrap(), caller());
    let promoted = Session { role: Role::Admin, username: valid("Countess"), is_fresh: false, ..session() };
    let principal = authenticate(Ok(Some(promoted))).await.unwrap();
    assert_eq!((principal.role, principal.username.as_str()), (Role::Admin, "Countess"));
    assert_eq!(principal.credential, Credential::Session { id: SESSION, is_fresh: false });
}

#[tokio::test]
async fn a_sound_token_is_worth_nothing_without_a_usable_session() {
    let somebody_elses = Some(Session { user_id: UserId::from_uuid(uuid(101)), ..session() });
    for found in useless_sessions().into_iter().chain([somebody_elses]) {
        let refused = authenticate(Ok(found.clone())).await;
        assert!(matches!(refused, Err(AuthenticateError::Ended)), "{found:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_sound_is_refused_without_a_look_up() {
    for error in [TokenError::Expired, TokenError::Invalid("signature".to_owned())] {
        let mut ports = Ports::default();
        let verdict = Err(error.clone());
        ports.tokens.expect_verify().once().return_once(|_| verdict);
        let refused = ports.bearer("token").await;
        assert!(matches!(&refused, Err(AuthenticateError::Token(told)) if *told == error), "{refused:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_down_lets_nobody_in() {
    let down = || Unexpected::unavailable("the store is down");
    let of_session = authenticate(Err(down())).await;
    let of_key = Ports::default().finding_key(Err(down())).bearer(&secret()).await;
    for refused in [of_session, of_key] {
        assert!(matches!(refused, Err(AuthenticateError::Unexpected(source)) if source.is_unavailable()));
    }
}

#[tokio::test]
async fn that_a_session_is_used_is_noted_when_it_is_time() {
    let mut ports = Ports::default().verifying().finding(Ok(Some(Session { needs_touch: true, ..session() })));
    ports.sessions.expect_touch().once().withf(|id| *id == SESSION).returning(|_| Ok(()));
    assert_eq!(ports.bearer("token").await.unwrap(), caller());
}

#[tokio::test]
async fn a_cookie_is_its_sessions() {
    let cookie = |found| {
        let mut ports = Ports::default();
        let is_it = |cookie: &TokenHash| *cookie == hash("cookie");
        ports.sessions.expect_find_by_cookie().once().withf(is_it).return_once(move |_| Ok(found));
        ports
    };
    let principal = cookie(Some(SESSION)).finding(Ok(Some(session()))).service().cookie("cookie").await;
    assert_eq!(principal.unwrap(), caller());
    let unknown = cookie(None).service().cookie("cookie").await;
    assert!(matches!(unknown, Err(AuthenticateError::Unknown)), "{unknown:?}");
    for found in useless_sessions() {
        let refused = cookie(Some(SESSION)).finding(Ok(found)).service().cookie("cookie").await;
        assert!(matches!(refused, Err(AuthenticateError::Ended)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_ticket_is_worth_what_it_stands_for() {
    let of_session = Ports::default().redeeming(Some(CredentialId::Session(SESSION)));
    let principal = of_session.finding(Ok(Some(session()))).service().ticket("ticket").await;
    assert_eq!(principal.unwrap(), caller());
    let of_key = || Ports::default().redeeming(Some(CredentialId::ApiKey(KEY)));
    let principal = of_key().finding_key(Ok(Some(key()))).service().ticket("ticket").await;
    assert_eq!(principal.unwrap(), program());

    let unknown = Ports::default().redeeming(None).service().ticket("ticket").await;
    assert!(matches!(unknown, Err(AuthenticateError::Unknown)), "{unknown:?}");
    for found in useless_sessions() {
        let of_session = Ports::default().redeeming(Some(CredentialId::Session(SESSION)));
        let refused = of_session.finding(Ok(found)).service().ticket("ticket").await;
        assert!(matches!(refused, Err(AuthenticateError::Ended)), "{refused:?}");
    }
    let revoked = FoundApiKey { is_live: false, ..key() };
    let refused = of_key().finding_key(Ok(Some(revoked))).service().ticket("ticket").await;
    assert!(matches!(refused, Err(AuthenticateError::Ended)), "{refused:?}");
}

#[tokio::test]
async fn a_key_is_its_owners_with_what_it_passes_on() {
    let principal = Ports::default().finding_key(Ok(Some(found_key()))).bearer(&secret()).await.unwrap();
    assert_eq!(principal, program());
    assert!(principal.may(Permission::WriteConversations) && !principal.may(Permission::ReadConversations));
    assert!(!principal.is_fresh());
}

#[tokio::test]
async fn a_key_of_another_secret_or_none_is_unknown() {
    for found in [None, Some(FoundApiKey { hash: TokenHash([7; 32]), ..found_key() })] {
        let refused = Ports::default().finding_key(Ok(found)).bearer(&secret()).await;
        assert!(matches!(refused, Err(AuthenticateError::Unknown)), "{refused:?}");
    }
    let mut last_bit = hash(&secret());
    last_bit.0[31] ^= 1;
    let found = FoundApiKey { hash: last_bit, ..found_key() };
    let refused = Ports::default().finding_key(Ok(Some(found))).bearer(&secret()).await;
    assert!(matches!(refused, Err(AuthenticateError::Unknown)), "{refused:?}");
}

#[tokio::test]
async fn a_key_that_is_mistyped_is_refused_without_a_look_up() {
    for text in ["clq_", "clq_x", &secret()[..secret().len() - 1], &format!("{}0", secret())] {
        let refused = Ports::default().bearer(text).await;
        assert!(matches!(refused, Err(AuthenticateError::Unknown)), "{text}: {refused:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_over_or_whose_owner_may_do_nothing_is_refused() {
    for found in [
        FoundApiKey { is_live: false, needs_touch: true, ..found_key() },
        FoundApiKey { user_is_active: false, needs_touch: true, ..found_key() },
    ] {
        let refused = Ports::default().finding_key(Ok(Some(found))).bearer(&secret()).await;
        assert!(matches!(refused, Err(AuthenticateError::Ended)), "{refused:?}");
    }
}

#[tokio::test]
async fn that_a_key_is_used_is_noted_when_it_is_time() {
    let mut ports = Ports::default().finding_key(Ok(Some(FoundApiKey { needs_touch: true, ..found_key() })));
    ports
        .keys
        .expect_touch()
        .once()
        .withf(|id, first| {
            *id == KEY
                && first.kind == AuditKind::KeyFirstUsed
                && first.origin == Origin { actor: Some(ada().id), ..Origin::default() }
                && (first.subject, first.object) == (Some(ada().id), Some(KEY.as_uuid()))
        })
        .returning(|_, _| Ok(()));
    assert_eq!(ports.bearer(&secret()).await.unwrap(), program());
}
