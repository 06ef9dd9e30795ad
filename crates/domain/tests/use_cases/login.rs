use std::sync::Arc;
use std::time::Duration;

use domain::session::{
    AccessToken, Client, Credentials, EndReason, LoginError, LoginService, MockSessionRepository, MockTokenIssuer,
    Principal,
};
use domain::user::{HashError, HashedPassword, MockPasswordHasher, MockUserRepository, User, Verification};
use domain::{Unexpected, id::SessionId};
use secrecy::ExposeSecret;

use super::{ada, caller, ids, uuid};

const HOUR: Duration = Duration::from_secs(3_600);

/// The ports of the use case. Unless a test says otherwise, no session may be opened and no token signed.
#[derive(Default)]
struct Ports {
    users: MockUserRepository,
    sessions: MockSessionRepository,
    hasher: MockPasswordHasher,
    tokens: MockTokenIssuer,
}

impl Ports {
    /// The only account is Ada's, like this one.
    fn with_account(account: User) -> Self {
        let mut ports = Self::default();
        ports.users.expect_find_for_login().returning(move |name| {
            let is_known = name.canonical() == account.username.canonical();
            Ok(is_known.then(|| (account.clone(), HashedPassword::new("$old"))))
        });
        ports
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

    /// A session is opened once, and a token signed for it.
    fn opening(mut self) -> Self {
        let session = SessionId::from_uuid(uuid(1));
        self.tokens
            .expect_issue()
            .once()
            .withf(move |claims| (claims.user_id, claims.session_id) == (ada().id, session))
            .returning(|_| Ok(AccessToken { token: "token".into(), expires_in: HOUR }));
        self.sessions
            .expect_open()
            .once()
            .withf(move |opened| opened.id == session && opened.user_id == ada().id && opened.lifetime == HOUR)
            .withf(|opened| opened.client.user_agent.as_deref() == Some("curl"))
            .returning(|_| Ok(()));
        self
    }

    fn service(self) -> LoginService {
        let Self { users, sessions, hasher, tokens } = self;
        LoginService::new(Arc::new(users), Arc::new(sessions), Arc::new(hasher), Arc::new(tokens), ids(), HOUR)
    }

    async fn log_in(self, username: &str, password: &str) -> Result<(SessionId, String), LoginError> {
        let credentials = Credentials { username: username.to_owned(), password: password.into() };
        let logged_in = self.service().login(credentials, Client::new(None, Some("curl"))).await?;
        assert_eq!(logged_in.user.id, ada().id);
        Ok((logged_in.session_id, logged_in.access.token.expose_secret().to_owned()))
    }
}

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Match).opening();
    let (session, token) = ports.log_in("ada", "a quiet secret").await.unwrap();
    assert_eq!((session, token.as_str()), (SessionId::from_uuid(uuid(1)), "token"));
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_known_one() {
    for name in ["nobody", "no such name, for it has spaces", ""] {
        let ports = Ports::with_account(ada()).verifying(None, Verification::Mismatch);
        let refused = ports.log_in(name, "a quiet secret").await;
        assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{name:?}: {refused:?}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_refused_whatever_the_hasher_says() {
    let ports = Ports::with_account(ada()).verifying(None, Verification::Match);
    let refused = ports.log_in("nobody", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let ports = Ports::with_account(ada()).verifying(Some("$old"), Verification::Mismatch);
    let refused = ports.log_in("ada", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
}

#[tokio::test]
async fn a_disabled_account_is_refused_after_the_same_work() {
    for verification in [Verification::Match, Verification::MatchOutdated] {
        let disabled = User { is_active: false, ..ada() };
        let ports = Ports::with_account(disabled).verifying(Some("$old"), verification);
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
async fn a_password_that_is_too_long_is_neither_hashed_nor_looked_up() {
    let refused = Ports::default().log_in("ada", &"x".repeat(1_025)).await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");

    let mut ports = Ports::with_account(ada());
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
    ports.sessions.expect_open().once().returning(|_| Err(Unexpected::unavailable("the store is down")));
    let refused = ports.log_in("ada", "a quiet secret").await;
    assert!(matches!(refused, Err(LoginError::Unexpected(source)) if source.is_unavailable()));
}

#[tokio::test]
async fn logging_out_ends_the_callers_session() {
    let mut ports = Ports::default();
    ports
        .sessions
        .expect_end()
        .once()
        .withf(|id, reason| Some(*id) == caller().session_id && *reason == EndReason::Logout)
        .returning(|_, _| Ok(()));
    ports.service().logout(&caller()).await.unwrap();

    let with_api_key = Principal { session_id: None, ..caller() };
    Ports::default().service().logout(&with_api_key).await.unwrap();
}
