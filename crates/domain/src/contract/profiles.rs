//! [`crate::user::UserRepository`]: names, addresses and passwords that change.

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{HOUR, assert_written, create_user, event, new_id, new_user, open_session, valid};
use crate::audit::{AuditKind, NewAuditEvent};
use crate::id::{SessionId, UserId};
use crate::session::SessionState;
use crate::user::{CreateUserError, Email, HashedPassword, NewUser, ProfileChange, User, Username};

/// What is said changes, what is not stays, and each change is written down.
pub async fn what_is_said_changes(store: StoreUnderTest) {
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let (one, other) = (new_user(), new_user());
    let changes = [
        (to(Some(&one.username), None), &one.username, &user.email),
        (to(None, Some(&one.email)), &one.username, &one.email),
        (to(Some(&other.username), Some(&other.email)), &other.username, &other.email),
    ];
    let mut written = Vec::new();
    for (change, username, email) in changes {
        let event = changed(&user);
        let returned = store.users.change_profile(user.id, change, event.clone()).await;
        let returned = returned.expect("an account can be changed").expect("the account is there");
        for account in [returned, find(&store, user.id).await] {
            assert_eq!((&account.username, &account.email), (username, email));
            assert_eq!((account.role, account.account_created), (user.role, user.account_created));
        }
        written.push(event);
    }
    assert_written(&store, user.id, &written.iter().collect::<Vec<_>>()).await;
    let by_name = async |name| store.users.find_for_login(name).await.expect("users can be looked up");
    let (found, hash) = by_name(&other.username).await.expect("the new name logs in");
    assert_eq!((found.id, hash.expose()), (user.id, user.hashed_password.expose()));
    assert!(by_name(&user.username).await.is_none(), "the old name is free");
    let bystanders = find(&store, bystander.id).await;
    assert_eq!((bystanders.username, bystanders.email), (bystander.username, bystander.email), "it was another's");
}

/// A wish for nothing, or for what is so already, returns the account and is not written down.
pub async fn what_is_so_already_is_not_written_down(store: StoreUnderTest) {
    let user = create_user(&store).await;
    for change in [
        ProfileChange::default(),
        to(Some(&user.username), None),
        to(None, Some(&user.email)),
        to(Some(&user.username), Some(&user.email)),
    ] {
        let account = store.users.change_profile(user.id, change, changed(&user)).await;
        let account = account.expect("that is no error").expect("the account is there");
        assert_eq!((account.username, account.email), (user.username.clone(), user.email.clone()));
    }
    assert_written(&store, user.id, &[]).await;
}

/// A name may change its case: nobody else has it.
pub async fn a_name_may_change_its_case(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let (louder, event) = (valid(user.username.as_str().to_uppercase()), changed(&user));
    let account = store.users.change_profile(user.id, to(Some(&louder), None), event.clone()).await;
    assert_eq!(account.expect("nobody else has it").expect("the account is there").username, louder);
    assert_written(&store, user.id, &[&event]).await;
}

/// A name or an address that somebody has is refused, and then nothing changes.
pub async fn what_is_taken_is_refused(store: StoreUnderTest) {
    let (first, user, free) = (create_user(&store).await, create_user(&store).await, new_user());
    let name = valid(first.username.as_str().to_uppercase());
    let refused = store.users.change_profile(user.id, to(Some(&name), Some(&free.email)), changed(&user)).await;
    assert!(matches!(refused, Err(CreateUserError::UsernameTaken)), "the name is taken, but: {refused:?}");
    let change = to(Some(&free.username), Some(&first.email));
    let refused = store.users.change_profile(user.id, change, changed(&user)).await;
    assert!(matches!(refused, Err(CreateUserError::EmailTaken)), "the address is taken, but: {refused:?}");
    let account = find(&store, user.id).await;
    assert_eq!((account.username, account.email), (user.username, user.email));
    assert_written(&store, user.id, &[]).await;
}

/// Of twenty who want one name at once, one gets it, and only that is written down.
pub async fn twenty_at_once_get_one_name(store: StoreUnderTest) {
    let mut users = Vec::new();
    for _ in 0..20 {
        users.push(create_user(&store).await);
    }
    let name = new_user().username;
    let events: Vec<NewAuditEvent> = users.iter().map(changed).collect();
    let wishes = users.iter().zip(&events);
    let wishes = wishes.map(|(user, event)| store.users.change_profile(user.id, to(Some(&name), None), event.clone()));
    let results = join_all(wishes).await;
    let taken = results.iter().filter(|result| matches!(result, Err(CreateUserError::UsernameTaken))).count();
    assert_eq!(taken, 19, "all but one should be told that it is taken: {results:?}");
    for ((user, event), result) in users.iter().zip(&events).zip(&results) {
        let written: &[&NewAuditEvent] = if result.is_ok() { &[event] } else { &[] };
        assert_written(&store, user.id, written).await;
    }
}

/// Nobody's account cannot be changed, and that is not written down.
pub async fn nobody_is_not_changed(store: StoreUnderTest) {
    let nobody = new_user();
    let change = to(Some(&nobody.username), None);
    let account = store.users.change_profile(nobody.id, change, changed(&nobody)).await;
    assert!(account.expect("that is no error").is_none());
    let hash = HashedPassword::new("$new");
    let ended = store.users.set_password(nobody.id, hash, None, changed(&nobody)).await;
    assert_eq!(ended.expect("that is no error"), None);
    assert_written(&store, nobody.id, &[]).await;
}

/// A new password takes the old one's place and ends every live session but the one that is kept.
pub async fn a_new_password_ends_the_other_sessions(store: StoreUnderTest) {
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let kept = open_session(&store, user.id, HOUR).await;
    let others = [open_session(&store, user.id, HOUR).await, open_session(&store, user.id, HOUR).await];
    let expired = open_session(&store, user.id, Duration::ZERO).await;
    let foreign = open_session(&store, bystander.id, HOUR).await;
    let event = event(AuditKind::PasswordChanged).about(user.id);
    assert_eq!(state(&store, others[0]).await, SessionState::Live);

    let hash = HashedPassword::new("$new");
    let ended = store.users.set_password(user.id, hash, Some(kept), event.clone()).await;
    let mut ended = ended.expect("a password can be set").expect("the account is there");
    ended.sort();
    assert_eq!(ended, others, "those that were live, without the one that is kept");
    for (session, expected) in [
        (kept, SessionState::Live),
        (others[0], SessionState::Ended),
        (others[1], SessionState::Ended),
        (expired, SessionState::Expired),
        (foreign, SessionState::Live),
    ] {
        assert_eq!(state(&store, session).await, expected);
    }
    assert_eq!(hash_of(&store, &user).await, "$new");
    assert_eq!(hash_of(&store, &bystander).await, bystander.hashed_password.expose(), "it was another's password");
    assert_written(&store, user.id, &[&event]).await;
}

/// Where no session is kept, or somebody else's, none is.
pub async fn a_password_that_somebody_else_sets_ends_every_session(store: StoreUnderTest) {
    let (user, other) = (create_user(&store).await, create_user(&store).await);
    let foreign = open_session(&store, other.id, HOUR).await;
    for keep in [None, Some(SessionId::from_uuid(new_id())), Some(foreign)] {
        let session = open_session(&store, user.id, HOUR).await;
        let event = event(AuditKind::PasswordReset).about(user.id);
        let ended = store.users.set_password(user.id, HashedPassword::new("$new"), keep, event).await;
        assert_eq!(ended.expect("a password can be set"), Some(vec![session]));
        assert_eq!(state(&store, session).await, SessionState::Ended);
    }
    assert_eq!(state(&store, foreign).await, SessionState::Live);
}

fn to(username: Option<&Username>, email: Option<&Email>) -> ProfileChange {
    ProfileChange { username: username.cloned(), email: email.cloned() }
}

fn changed(user: &NewUser) -> NewAuditEvent {
    event(AuditKind::ProfileChanged).about(user.id)
}

async fn find(store: &StoreUnderTest, id: UserId) -> User {
    store.users.find(id).await.expect("users can be looked up").expect("the user should be found")
}

async fn hash_of(store: &StoreUnderTest, user: &NewUser) -> String {
    let found = store.users.find_for_login(&user.username).await.expect("users can be looked up");
    found.expect("the user should be found").1.expose().to_owned()
}

async fn state(store: &StoreUnderTest, id: SessionId) -> SessionState {
    store.sessions.find(id).await.expect("sessions can be looked up").expect("the session should be found").state
}
