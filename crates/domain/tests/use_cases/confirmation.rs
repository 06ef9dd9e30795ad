use std::sync::Arc;

use domain::Unexpected;
use domain::audit::{AuditKind, AuditTrail};
use domain::session::{ConfirmError, ConfirmationService, MockSessionRepository};
use domain::user::{
    HashError, HashedPassword, MockPasswordHasher, MockUserRepository, PasswordHasher, User, Verification,
};
use secrecy::ExposeSecret as _;

use super::{SESSION, ada, caller, client, is_ada_own, program, silent_trail, trail_of, uuid};
use domain::id::UserId;

/// A store in which the name is this account's.
pub(crate) fn accounts(account: Option<User>) -> MockUserRepository {
    let mut users = MockUserRepository::new();
    users
        .expect_find_for_login()
        .withf(|name| *name == ada().username)
        .returning(move |_| Ok(account.clone().map(|account| (account, HashedPassword::new("$old")))));
    users
}

/// A hasher that is asked once whether `a quiet secret` is what is stored.
pub(crate) fn comparing(verification: Verification) -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher
        .expect_verify()
        .once()
        .withf(|attempt, hash| {
            let hash = hash.as_ref().map(HashedPassword::expose);
            (attempt.expose_secret(), hash) == ("a quiet secret", Some("$old"))
        })
        .returning(move |_, _| Ok(verification));
    hasher
}

/// A trail of one failed login, as it were: Ada's, in her session.
pub(crate) fn failed() -> AuditTrail {
    trail_of(|event| is_ada_own(event, AuditKind::LoginFailed))
}

fn service(
    account: Option<User>,
    sessions: MockSessionRepository,
    hasher: impl PasswordHasher + 'static,
    audit: AuditTrail,
) -> ConfirmationService {
    ConfirmationService::new(Arc::new(accounts(account)), Arc::new(sessions), Arc::new(hasher), audit)
}

#[tokio::test]
async fn the_right_password_counts_for_the_session() {
    for verification in [Verification::Match, Verification::MatchOutdated] {
        let mut sessions = MockSessionRepository::new();
        sessions
            .expect_confirm()
            .once()
            .withf(|id, event| *id == SESSION && is_ada_own(event, AuditKind::Reauthenticated))
            .returning(|_, _| Ok(()));
        let service = service(Some(ada()), sessions, comparing(verification), silent_trail());
        service.confirm(&caller(), "a quiet secret".into(), client()).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_written_down() {
    let service = service(Some(ada()), MockSessionRepository::new(), comparing(Verification::Mismatch), failed());
    let refused = service.confirm(&caller(), "a quiet secret".into(), client()).await;
    assert!(matches!(refused, Err(ConfirmError::WrongPassword)), "{refused:?}");
}

/// The name may be somebody else's by now.
#[tokio::test]
async fn somebody_elses_password_is_not_even_compared() {
    let other = User { id: UserId::from_uuid(uuid(101)), ..ada() };
    for account in [Some(other), None] {
        let service = service(account, MockSessionRepository::new(), MockPasswordHasher::new(), failed());
        let refused = service.confirm(&caller(), "a quiet secret".into(), client()).await;
        assert!(matches!(refused, Err(ConfirmError::WrongPassword)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_password_that_is_too_long_is_not_hashed() {
    let service = service(Some(ada()), MockSessionRepository::new(), MockPasswordHasher::new(), failed());
    let refused = service.confirm(&caller(), "x".repeat(1_025).into(), client()).await;
    assert!(matches!(refused, Err(ConfirmError::WrongPassword)), "{refused:?}");
}

#[tokio::test]
async fn an_api_key_is_never_fresh() {
    let service = service(Some(ada()), MockSessionRepository::new(), comparing(Verification::Match), silent_trail());
    service.confirm(&program(), "a quiet secret".into(), client()).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_compared_is_no_wrong_password() {
    let refused = async |error: HashError| {
        let mut hasher = MockPasswordHasher::new();
        hasher.expect_verify().once().return_once(|_, _| Err(error));
        let service = service(Some(ada()), MockSessionRepository::new(), hasher, silent_trail());
        service.confirm(&caller(), "a quiet secret".into(), client()).await.unwrap_err()
    };
    assert!(matches!(refused(HashError::Overloaded).await, ConfirmError::Overloaded));
    let down = refused(Unexpected::unavailable("down").into()).await;
    assert!(matches!(down, ConfirmError::Unexpected(source) if source.is_unavailable()));
}
