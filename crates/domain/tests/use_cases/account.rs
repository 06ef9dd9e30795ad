use std::sync::Arc;

use domain::access::Principal;
use domain::audit::{AuditKind, AuditTrail};
use domain::session::{ConfirmError, ConfirmationService, MockSessionRepository};
use domain::user::{
    AccountService, ChangePasswordError, ChangeProfileError, CreateUserError, HashedPassword, InvalidEmail,
    InvalidPassword, InvalidUsername, MockPasswordHasher, MockUserRepository, ProfileChange, ProfileWish, User,
    Verification,
};
use secrecy::ExposeSecret as _;

use super::confirmation::{accounts, comparing, failed};
use super::{SESSION, ada, caller, client, is_ada_own, program, silent_trail, stale_caller, valid};

fn service(users: MockUserRepository, hasher: MockPasswordHasher, audit: AuditTrail) -> AccountService {
    let (users, hasher) = (Arc::new(users), Arc::new(hasher));
    let sessions = Arc::new(MockSessionRepository::new());
    let confirmation = ConfirmationService::new(users.clone(), sessions, hasher.clone(), audit.clone());
    AccountService::new(users, hasher, confirmation, audit)
}

fn wish(username: Option<&str>, email: Option<&str>) -> ProfileWish {
    ProfileWish { username: username.map(str::to_owned), email: email.map(str::to_owned) }
}

async fn change_profile(
    users: MockUserRepository,
    by: &Principal,
    wish: ProfileWish,
) -> Result<User, ChangeProfileError> {
    service(users, MockPasswordHasher::new(), silent_trail()).change_profile(by, wish, client()).await
}

/// A store in which Ada's password is set to the hash `$new`, once, and her other sessions end.
fn setting(stored: Option<()>) -> MockUserRepository {
    let mut users = accounts(Some(ada()));
    users.expect_find().returning(|_| Ok(Some(ada())));
    users
        .expect_set_password()
        .once()
        .withf(|id, hash, keep, event| {
            (*id, hash.expose(), *keep) == (ada().id, "$new", Some(SESSION))
                && is_ada_own(event, AuditKind::PasswordChanged)
        })
        .returning(move |_, _, _, _| Ok(stored.map(|()| Vec::new())));
    users
}

/// A store in which nobody's password is set.
fn not_setting(found: Option<User>) -> MockUserRepository {
    let mut users = accounts(found.clone());
    users.expect_find().returning(move |_| Ok(found.clone()));
    users
}

async fn change_password(
    users: MockUserRepository,
    hasher: MockPasswordHasher,
    audit: AuditTrail,
    new: &str,
) -> Result<(), ChangePasswordError> {
    let service = service(users, hasher, audit);
    service.change_password(&stale_caller(), "a quiet secret".into(), new.into(), client()).await
}

#[tokio::test]
async fn what_is_wished_is_changed() {
    let mut users = MockUserRepository::new();
    users
        .expect_change_profile()
        .once()
        .withf(|id, change, event| {
            let expected = ProfileChange { username: Some(valid("Countess")), email: None };
            (*id, change) == (ada().id, &expected) && is_ada_own(event, AuditKind::ProfileChanged)
        })
        .returning(|_, _, _| Ok(Some(User { username: valid("Countess"), ..ada() })));
    let changed = change_profile(users, &caller(), wish(Some("Countess"), None)).await.unwrap();
    assert_eq!(changed.username.as_str(), "Countess");
}

#[tokio::test]
async fn a_profile_changes_only_for_who_gave_the_password_a_moment_ago() {
    for by in [stale_caller(), program()] {
        let refused = change_profile(MockUserRepository::new(), &by, wish(Some("Countess"), None)).await;
        assert!(matches!(refused, Err(ChangeProfileError::NotFresh)), "{refused:?}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_profile_is_named_at_once() {
    let refused = change_profile(MockUserRepository::new(), &caller(), wish(Some(""), Some("nowhere"))).await;
    let Err(ChangeProfileError::Invalid { username, email }) = refused else { panic!("{refused:?}") };
    assert_eq!((username, email), (Some(InvalidUsername::Length), Some(InvalidEmail)));
    let refused = change_profile(MockUserRepository::new(), &caller(), wish(Some("ok"), Some("nowhere"))).await;
    assert!(matches!(refused, Err(ChangeProfileError::Invalid { username: None, email: Some(_) })), "{refused:?}");
}

#[tokio::test]
async fn what_is_taken_and_what_is_gone_is_told_apart() {
    let changing = |result: fn() -> Result<Option<User>, CreateUserError>| {
        let mut users = MockUserRepository::new();
        users.expect_change_profile().once().returning(move |_, _, _| result());
        users
    };
    let taken = change_profile(changing(|| Err(CreateUserError::EmailTaken)), &caller(), wish(Some("ok"), None)).await;
    assert!(matches!(taken, Err(ChangeProfileError::Refused(CreateUserError::EmailTaken))), "{taken:?}");
    let gone = change_profile(changing(|| Ok(None)), &caller(), wish(Some("ok"), None)).await;
    assert!(matches!(gone, Err(ChangeProfileError::Gone)), "{gone:?}");
}

/// The current password is asked for here, so it may be long since it was given.
#[tokio::test]
async fn a_new_password_takes_the_place_of_the_current_one() {
    let hashing = || {
        let mut hasher = comparing(Verification::Match);
        hasher
            .expect_hash()
            .once()
            .withf(|password| password.secret().expose_secret() == "a louder secret")
            .returning(|_| Ok(HashedPassword::new("$new")));
        hasher
    };
    change_password(setting(Some(())), hashing(), silent_trail(), "a louder secret").await.unwrap();
    let gone = change_password(setting(None), hashing(), silent_trail(), "a louder secret").await;
    assert!(matches!(gone, Err(ChangePasswordError::Gone)), "{gone:?}");
}

#[tokio::test]
async fn without_the_current_password_there_is_no_new_one() {
    let hasher = comparing(Verification::Mismatch);
    let refused = change_password(not_setting(Some(ada())), hasher, failed(), "a louder secret").await;
    let is_wrong = matches!(refused, Err(ChangePasswordError::Current(ConfirmError::WrongPassword)));
    assert!(is_wrong, "{refused:?}");
}

#[tokio::test]
async fn a_new_password_keeps_the_rules_before_the_current_one_is_compared() {
    for (new, reason) in [
        ("short", InvalidPassword::TooShort),
        ("password", InvalidPassword::TooCommon),
        ("ADA@example.org", InvalidPassword::TooCommon),
        ("aDa", InvalidPassword::TooCommon),
    ] {
        let refused = change_password(not_setting(Some(ada())), MockPasswordHasher::new(), silent_trail(), new).await;
        assert!(matches!(&refused, Err(ChangePasswordError::Invalid(told)) if *told == reason), "{new}: {refused:?}");
    }
    let gone = change_password(not_setting(None), MockPasswordHasher::new(), silent_trail(), "a louder secret").await;
    assert!(matches!(gone, Err(ChangePasswordError::Gone)), "{gone:?}");
}
