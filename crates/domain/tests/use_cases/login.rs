//! Logging in, for programs and for browsers.

use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::audit::{AuditKind, AuditTrail, NewAuditEvent, Origin};
use domain::id::{SessionId, UserId};
use domain::session::{
    AccessToken, Credentials, Lifetimes, LoginError, LoginPorts, LoginService, MockSessionRepository, MockTokenIssuer,
    NewSession, SessionPolicy,
};
use domain::user::{HashError, HashedPassword, MockPasswordHasher, MockUserRepository, Role, User, Verification};
use secrecy::ExposeSecret;

use super::opaque::{SECRET, exhausted, hash, opaque};
use super::{ada, client, ids, is_from_unknown, moment, silent_trail, trail_of};

const HOUR: Duration = Duration::from_secs(3_600);
const OPENED: SessionId = SessionId::from_uuid(uuid::Uuid::from_u128(1));
const POLICY: SessionPolicy = SessionPolicy {
    user: Lifetimes { idle: HOUR, absolute: Duration::from_secs(24 * 3_600) },
    admin: Lifetimes { idle: Duration::from_secs(60), absolute: HOUR },
};

/// The ports of the use case. Unless a test says otherwise, no session may be opened, no token signed and nothing
/// written down by itself.
struct Ports {
    users: MockUserRepository,
    sessions: MockSessionRepository,
    hasher: MockPasswordHasher,
    tokens: MockTokenIssuer,
    audit: AuditTrail,
}

impl Ports {
    /// The only account is Ada's, like this one.
    fn with_account(account: User) -> Self {
        let mut users = MockUserRepository::new();
        users.expect_find_for_login().returning(move |name| {
            let is_known = name.canonical() == account.username.canonical();
            Ok(is_known.then(|| (account.clone(), HashedPassword::new("$old"))))
        });
        let (sessions, hasher) = (MockSessionRepository::new(), MockPasswordHasher::new());
        Self { users, sessions, hasher, tokens: MockTokenIssuer::new(), audit: silent_trail() }
    }

    /// The password is compared once, with the stored hash or with none, and this comes of it.
    fn verifying(mut self, against: Option<&'static str>, verification: Verification) -> Self {
        let is_against = move |hash: &Option<HashedPassword>| {
            hash.as_ref().map(|hash| hash.expose().to_owned()).as_deref() == against
        };
        self.hasher
            .expect_verify()
            .once()
            .withf(move |attempt, hash| attempt.expose_secret() == "a quiet secret" && is_against(hash))
            .returning(move |_, _| Ok(verification));
        self
    }

    /// One refusal is written down, to that account or to nobody's.
    fn refusing(mut self, subject: Option<UserId>) -> Self {
        let is_it =
            move |event: &NewAuditEvent| is_from_unknown(event, AuditKind::LoginFailed) && event.subject == subject;
        self.audit = trail_of(is_it);
        self
    }

    /// A session like this is opened once, and the login written down with it.
    fn storing(mut self, is_expected: impl Fn(&NewSession) -> bool + Send + 'static) -> Self {
        self.sessions
            .expect_open()
            .once()
            .withf(move |session, event| {
                let origin = Origin { actor: Some(ada().id), session_id: Some(OPENED), client: client() };
                is_expected(session)
                    && (session.id, session.user_id, &session.client) == (OPENED, ada().id, &client())
                    && (event.kind, &event.origin, event.at) == (AuditKind::LoginSucceeded, &origin, moment())
                    && event.subject == Some(ada().id)
            })
            .returning(|_, _| Ok(()));
        self
    }

    /// A program's session is opened, and a token signed for it.
    fn opening(mut self) -> Self {
        self.tokens
            .expect_issue()
            .once()
            .withf(move |claims| (claims.user_id, claims.session_id) == (ada().id, OPENED))
            .returning(|_| Ok(AccessToken { token: "token".into(), expires_in: HOUR }));
        self.storing(|opened| {
            (opened.refresh, opened.cookie, opened.lifetimes) == (Some(hash(SECRET)), None, POLICY.user)
        })
    }

    fn ports(self) -> LoginPorts {
        let Self { users, sessions, hasher, tokens, audit } = self;
        LoginPorts {
            users: Arc::new(users),
            sessions: Arc::new(sessions),
            hasher: Arc::new(hasher),
            tokens: Arc::new(tokens),
            opaque: Arc::new(opaque()),
            ids: ids(),
            audit,
        }
    }

    fn service(self) -> LoginService {
        LoginService::new(self.ports(), POLICY)
    }

    async fn log_in(self, username: &str, password: &str) -> Result<(SessionId, String), LoginError> {
        let logged_in = self.service().login(credentials(username, password), client()).await?;
        assert_eq!((logged_in.user.id, logged_in.refresh.expose_secret()), (ada().id, SECRET));
        Ok((logged_in.session_id, logged_in.access.token.expose_secret().to_owned()))
    }
}

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.to_owned(), password: password.into() }
}

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Match).opening();
    let (session, token) = ports.log_in("ada", "a quiet secret").await.unwrap();
    assert_eq!((session, token.as_str()), (OPENED, "token"));
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_known_one() {
    for name in ["nobody", "no such name, for it has spaces", ""] {
        let ports = Ports::with_account(ada()).verifying(None, Verification::Mismatch).refusing(None);
        let refused = ports.log_in(name, "a quiet secret").await;
        assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{name:?}: {refused:?}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_refused_whatever_the_hasher_says() {
    let ports = Ports::with_account(ada()).verifying(None, Verification::Match).refusing(None);
    let refused = ports.log_in("nobody", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Mismatch);
    let ports = ports.refusing(Some(ada().id));
    let refused = ports.log_in("ada", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn a_disabled_account_is_refused_after_the_same_work() {
    for verification in [Verification::Match, Verification::MatchOutdated] {
        let disabled = User { is_active: false, ..ada() };
        let ports = Ports::with_account(disabled).verifying(Some("$old"), verification).refusing(Some(ada().id));
        let refused = ports.log_in("ada", "a quiet secret").await;
        assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
    }
}

#[tokio::test]
async fn an_outdated_hash_is_upgraded() {
    let mut ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::MatchOutdated).opening();
    ports
        .hasher
        .expect_hash()
        .once()
        .withf(|password| password.secret().expose_secret() == "a quiet secret")
        .returning(|_| Ok(HashedPassword::new("$new")));
    ports
        .users
        .expect_upgrade_hash()
        .once()
        .withf(|id, old, new| *id == ada().id && (old.expose(), new.expose()) == ("$old", "$new"))
        .returning(|_, _, _| Ok(()));
    ports.log_in("ada", "a quiet secret").await.unwrap();
}

#[tokio::test]
async fn a_password_that_could_not_be_chosen_today_keeps_its_hash() {
    let mut ports = Ports::with_account(ada()).opening();
    ports.hasher.expect_verify().once().returning(|_, _| Ok(Verification::MatchOutdated));
    ports.log_in("ada", "short").await.unwrap();
}

#[tokio::test]
async fn a_password_that_is_too_long_is_not_hashed() {
    let refused = Ports::with_account(ada()).refusing(Some(ada().id)).log_in("ada", &"x".repeat(1_025)).await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");

    let mut ports = Ports::with_account(ada()).refusing(Some(ada().id));
    ports.hasher.expect_verify().once().returning(|_, _| Ok(Verification::Mismatch));
    let refused = ports.log_in("ada", &"x".repeat(1_024)).await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn too_many_logins_at_once_are_told_so() {
    let mut ports = Ports::with_account(ada());
    ports.hasher.expect_verify().once().returning(|_, _| Err(HashError::Overloaded));
    let refused = ports.log_in("ada", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::Overloaded)), "{refused:?}");
}

#[tokio::test]
async fn no_token_leaves_before_its_session_is_stored() {
    let mut ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Match);
    ports.tokens.expect_issue().returning(|_| Ok(AccessToken { token: "token".into(), expires_in: HOUR }));
    ports.sessions.expect_open().once().returning(|_, _| Err(Unexpected::unavailable("the store is down")));
    let refused = ports.log_in("ada", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::Unexpected(source)) if source.is_unavailable()));
}

#[tokio::test]
async fn a_browser_gets_a_cookie_and_no_token() {
    let ports = Ports::with_account(ada())
        .verifying(Some("$old"), Verification::Match)
        .storing(|opened| (opened.refresh, opened.cookie, opened.lifetimes) == (None, Some(hash(SECRET)), POLICY.user));
    let logged_in = ports.service().login_browser(credentials("ada", "a quiet secret"), client()).await.unwrap();
    assert_eq!((logged_in.user.id, logged_in.cookie.expose_secret()), (ada().id, SECRET));
    assert_eq!(logged_in.lifetime, POLICY.user.absolute);

    let ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Mismatch).refusing(Some(ada().id));
    let refused = ports.service().login_browser(credentials("ada", "a quiet secret"), client()).await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn an_administrators_sessions_are_shorter() {
    let admin = User { role: Role::Admin, ..ada() };
    let ports = Ports::with_account(admin).verifying(Some("$old"), Verification::Match);
    let ports = ports.storing(|opened| opened.lifetimes == POLICY.admin);
    let logged_in = ports.service().login_browser(credentials("ada", "a quiet secret"), client()).await.unwrap();
    assert_eq!(logged_in.lifetime, POLICY.admin.absolute);
}

#[tokio::test]
async fn without_randomness_nobody_is_logged_in() {
    for is_browser in [true, false] {
        let ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Match).ports();
        let service = LoginService::new(LoginPorts { opaque: Arc::new(exhausted()), ..ports }, POLICY);
        let refused = if is_browser {
            service.login_browser(credentials("ada", "a quiet secret"), client()).await.map(drop)
        } else {
            service.login(credentials("ada", "a quiet secret"), client()).await.map(drop)
        };
        assert!(matches!(refused, Err(LoginError::Unexpected(_))), "{refused:?}");
    }
}
