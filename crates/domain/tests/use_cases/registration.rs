use std::sync::Arc;

use domain::Unexpected;
use domain::audit::{AuditKind, Origin};
use domain::user::{
    CreateUserError, HashError, HashedPassword, InvalidEmail, InvalidPassword, InvalidUsername, MockPasswordHasher,
    MockUserRepository, NewAccount, RegisterError, RegistrationService, Role,
};
use secrecy::ExposeSecret;

use super::{client, clock, ids, is_from_unknown, moment, silent_trail};

fn account(username: &str, email: &str, password: &str) -> NewAccount {
    NewAccount { username: username.to_owned(), email: email.to_owned(), password: password.into() }
}

fn sound() -> NewAccount {
    account("Ada", "Ada@Example.org", "a quiet secret")
}

/// A hasher that is asked once, for `a quiet secret`.
fn hasher() -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher
        .expect_hash()
        .once()
        .withf(|password| password.secret().expose_secret() == "a quiet secret")
        .returning(|_| Ok(HashedPassword::new("$hash")));
    hasher
}

fn service(users: MockUserRepository, hasher: MockPasswordHasher) -> RegistrationService {
    RegistrationService::new(Arc::new(users), Arc::new(hasher), clock(), ids(), silent_trail())
}

#[tokio::test]
async fn an_account_is_stored_with_its_hash_and_returned() {
    for role in [Role::User, Role::Admin] {
        let mut users = MockUserRepository::new();
        users
            .expect_create()
            .once()
            .withf(move |user, event| {
                user.username.as_str() == "Ada"
                    && user.email.as_str() == "ada@example.org"
                    && user.hashed_password.expose() == "$hash"
                    && user.role == role
                    && user.account_created == moment()
                    && is_from_unknown(event, AuditKind::UserCreated)
                    && event.subject == Some(user.id)
                    && event.detail.as_deref() == Some(role.as_str())
            })
            .returning(|_, _| Ok(()));
        let user = service(users, hasher()).register(sound(), role, &Origin::unknown(client())).await.unwrap();
        assert_eq!((user.username.as_str(), user.role, user.is_active), ("Ada", role, true));
        assert_eq!((user.account_created, user.last_login), (moment(), None));
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once_and_nothing_is_hashed_or_stored() {
    let service = service(MockUserRepository::new(), MockPasswordHasher::new());
    let refused =
        service.register(account("", "nowhere", "short"), Role::User, &Origin::unknown(client())).await.unwrap_err();
    let RegisterError::Invalid { username, email, password } = refused else { panic!("{refused:?}") };
    assert_eq!(username, Some(InvalidUsername::Length));
    assert_eq!(email, Some(InvalidEmail));
    assert_eq!(password, Some(InvalidPassword::TooShort));

    let refused = service
        .register(account("a b", "ada@example.org", "a quiet secret"), Role::User, &Origin::unknown(client()))
        .await
        .unwrap_err();
    let RegisterError::Invalid { username, email: None, password: None } = refused else { panic!("{refused:?}") };
    assert_eq!(username, Some(InvalidUsername::Character));
}

#[tokio::test]
async fn ones_own_name_and_address_are_no_passwords() {
    let service = service(MockUserRepository::new(), MockPasswordHasher::new());
    for password in ["lovelace-ada", "LOVELACE-Ada", "ada@example.org", "ADA@EXAMPLE.ORG"] {
        let account = account("Lovelace-Ada", "ada@example.org", password);
        let refused = service.register(account, Role::User, &Origin::unknown(client())).await.unwrap_err();
        let RegisterError::Invalid { username: None, email: None, password: reason } = refused else {
            panic!("{password}: {refused:?}")
        };
        assert_eq!(reason, Some(InvalidPassword::TooCommon), "{password}");
    }
}

#[tokio::test]
async fn a_taken_name_or_address_is_told_apart() {
    let refused = async |error: fn() -> CreateUserError| {
        let mut users = MockUserRepository::new();
        users.expect_create().once().returning(move |_, _| Err(error()));
        service(users, hasher()).register(sound(), Role::User, &Origin::unknown(client())).await.unwrap_err()
    };
    assert!(matches!(refused(|| CreateUserError::UsernameTaken).await, RegisterError::UsernameTaken));
    assert!(matches!(refused(|| CreateUserError::EmailTaken).await, RegisterError::EmailTaken));
    let down = refused(|| Unexpected::unavailable("the store is down").into()).await;
    assert!(matches!(down, RegisterError::Unexpected(source) if source.is_unavailable()));
}

#[tokio::test]
async fn nothing_is_stored_while_too_many_passwords_are_hashed() {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_hash().once().returning(|_| Err(HashError::Overloaded));
    let refused = service(MockUserRepository::new(), hasher)
        .register(sound(), Role::User, &Origin::unknown(client()))
        .await
        .unwrap_err();
    assert!(matches!(refused, RegisterError::Overloaded));
}
