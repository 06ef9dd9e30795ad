//! [`crate::user::UserRepository`]: what an account may do.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};

use super::StoreUnderTest;
use super::fixtures::{
    Asker, HOUR, assert_written, at, create, create_key, create_user, event, new_id, new_key, new_session, new_user,
    open_session, page, sorted, the_only_admins,
};
use crate::access::CredentialId;
use crate::api_key::NewApiKey;
use crate::audit::{AuditKind, NewAuditEvent};
use crate::id::{SessionId, UserId};
use crate::page::Order;
use crate::session::{EndReason, NewSession, SessionState};
use crate::user::{HashedPassword, NewUser, RightsChange, Role, User, UserFilter};

/// A new role ends every session that is live. Keys stay: they never exceed what their owner may do now.
pub async fn a_new_role_ends_all_sessions(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let live = [open_session(&store, user.id, HOUR).await, open_session(&store, user.id, HOUR).await];
    open_session(&store, user.id, Duration::ZERO).await;
    let foreign = open_session(&store, bystander.id, HOUR).await;
    let key = new_key(user.id);
    create_key(&store, &key).await;
    assert_eq!(state(&store, live[0]).await, SessionState::Live);

    let event = role_changed(user.id);
    let change = store.users.set_role(user.id, Role::Admin, event.clone()).await.expect("a role can be set");
    let RightsChange::Made(ended) = change else { panic!("the role should change, but: {change:?}") };
    assert_eq!(sorted(ended), live.map(CredentialId::Session), "those that were live");
    for session in live {
        assert_eq!(state(&store, session).await, SessionState::Ended);
    }
    assert_eq!(state(&store, foreign).await, SessionState::Live, "it was another's role");
    assert_eq!(account(&store, user.id).await.role, Role::Admin);
    assert_eq!(account(&store, bystander.id).await.role, Role::User);
    let key = store.keys.find(key.id).await.expect("keys can be looked up").expect("the key is there");
    assert!(key.is_usable() && key.role == Role::Admin, "the owner's role of now: {key:?}");
    let opened = open_session(&store, user.id, HOUR).await;
    let session = store.sessions.find(opened).await.expect("sessions can be looked up").expect("it is there");
    assert_eq!(session.role, Role::Admin);
    assert_written(&store, user.id, &[&event]).await;
}

/// What is so already stays as it is, and nobody has no rights.
pub async fn what_is_so_already_is_unchanged(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let session = open_session(&store, user.id, HOUR).await;
    let nobody = UserId::from_uuid(new_id());
    for (id, expected) in [(user.id, RightsChange::Unchanged), (nobody, RightsChange::NotFound)] {
        let role = store.users.set_role(id, Role::User, role_changed(id)).await;
        assert_eq!(role.expect("that is no error"), expected);
        let active = store.users.set_active(id, true, enabled(id)).await;
        assert_eq!(active.expect("that is no error"), expected);
        assert_written(&store, id, &[]).await;
    }
    let disabled = store.users.set_active(nobody, false, disabled(nobody)).await;
    assert_eq!(disabled.expect("that is no error"), RightsChange::NotFound);
    assert_eq!(state(&store, session).await, SessionState::Live);
}

/// A disabled account has no live session and no usable key; nobody else's are touched.
pub async fn a_disabled_account_is_over(store: StoreUnderTest) {
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let session = open_session(&store, user.id, HOUR).await;
    open_session(&store, user.id, Duration::ZERO).await;
    let foreign = open_session(&store, bystander.id, HOUR).await;
    let (key, revoked, foreign_key) = (new_key(user.id), new_key(user.id), new_key(bystander.id));
    let expired = NewApiKey { expires_at: at(1), ..new_key(user.id) };
    for key in [&key, &revoked, &expired, &foreign_key] {
        create_key(&store, key).await;
    }
    store.keys.revoke(user.id, revoked.id, event(AuditKind::KeyRevoked)).await.expect("a key can be revoked");
    assert!(is_usable(&store, &key).await);

    let event = disabled(user.id);
    let change = store.users.set_active(user.id, false, event.clone()).await.expect("an account can be disabled");
    let RightsChange::Made(ended) = change else { panic!("it should be disabled, but: {change:?}") };
    let live = vec![CredentialId::Session(session), CredentialId::ApiKey(key.id)];
    assert_eq!(sorted(ended), sorted(live), "what was live is over");
    assert_eq!(state(&store, session).await, SessionState::Ended);
    assert!(!is_usable(&store, &key).await);
    assert!(!account(&store, user.id).await.is_active);
    let again = store.users.set_active(user.id, false, disabled(user.id)).await;
    assert_eq!(again.expect("that is no error"), RightsChange::Unchanged);
    assert_written(&store, user.id, &[&event]).await;

    assert_eq!(state(&store, foreign).await, SessionState::Live);
    assert!(is_usable(&store, &foreign_key).await);
    assert!(account(&store, bystander.id).await.is_active);
}

/// The turns of a disabled account that run are told to stop to whatever process they run in; others are not.
pub async fn the_turns_of_the_disabled_are_stopped(store: StoreUnderTest) {
    let (asker, other) = (Asker::new(&store).await, Asker::new(&store).await);
    let running = async |asker: &Asker| {
        let question = asker.ask(asker.conversation().await, 1);
        asker.accept(&question).await;
        question.id
    };
    let (one, two) = (running(&asker).await, running(&asker).await);
    running(&other).await;
    let change = store.users.set_active(asker.user, false, disabled(asker.user)).await;
    assert!(matches!(change, Ok(RightsChange::Made(_))), "it should be disabled, but: {change:?}");
    let mut told = asker.tell(asker.beat()).await.cancelled;
    told.sort();
    assert_eq!(told, [one, two]);
    assert_eq!(other.tell(other.beat()).await.cancelled, [], "it was another's account");
}

/// An account that is enabled again may log in, but what was ended stays ended.
pub async fn an_enabled_account_starts_anew(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let session = open_session(&store, user.id, HOUR).await;
    let events = [disabled(user.id), enabled(user.id)];
    store.users.set_active(user.id, false, events[0].clone()).await.expect("an account can be disabled");
    let change = store.users.set_active(user.id, true, events[1].clone()).await.expect("an account can be enabled");
    assert_eq!(change, RightsChange::Made(Vec::new()), "nothing is over by it");
    assert!(account(&store, user.id).await.is_active);
    assert_eq!(state(&store, session).await, SessionState::Ended);
    assert_written(&store, user.id, &events.each_ref()).await;
}

/// Logins, exchanges and changes of an account at the same time wait for one another, and none fails for it.
pub async fn logins_and_changes_go_on_side_by_side(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let sessions: Vec<NewSession> = (0..60).map(|_| new_session(user.id)).collect();
    let logins = sessions.iter().map(|session| -> BoxFuture<'_, bool> {
        Box::pin(async { store.sessions.open(session.clone(), event(AuditKind::LoginSucceeded)).await.is_ok() })
    });
    let changes = (0..20).map(|n| -> BoxFuture<'_, bool> {
        let store = &store;
        Box::pin(async move {
            match n % 4 {
                0 => store.users.set_active(user.id, false, disabled(user.id)).await.is_ok(),
                1 => store.users.set_active(user.id, true, enabled(user.id)).await.is_ok(),
                2 => {
                    let hash = HashedPassword::new("$new");
                    store.users.set_password(user.id, hash, None, event(AuditKind::PasswordReset)).await.is_ok()
                }
                _ => {
                    let event = event(AuditKind::SessionRevoked);
                    store.sessions.end_all(user.id, None, EndReason::Revoked, event).await.is_ok()
                }
            }
        })
    });
    let mut logins: Vec<_> = logins.collect();
    for (place, change) in changes.enumerate() {
        logins.insert(place * 4, change);
    }
    let done = join_all(logins).await;
    assert!(done.iter().all(|done| *done), "{} failed", done.iter().filter(|done| !**done).count());
}

/// The last active administrator is neither demoted nor disabled, and nothing is written down.
pub async fn the_last_admin_stays(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    let [last, disabled_one] = only_admins(&store).await;
    let session = open_session(&store, last, HOUR).await;
    store.users.set_active(disabled_one, false, disabled(disabled_one)).await.expect("an account can be disabled");
    let demotion = store.users.set_role(last, Role::User, role_changed(last)).await;
    assert_eq!(demotion.expect("that is no error"), RightsChange::LastAdmin);
    let disabling = store.users.set_active(last, false, disabled(last)).await;
    assert_eq!(disabling.expect("that is no error"), RightsChange::LastAdmin);
    let account = account(&store, last).await;
    assert!(account.is_active && account.role == Role::Admin, "{account:?}");
    assert_eq!(state(&store, session).await, SessionState::Live);
    assert_written(&store, last, &[]).await;

    let other = store.users.set_role(disabled_one, Role::User, role_changed(disabled_one)).await;
    assert!(matches!(other, Ok(RightsChange::Made(_))), "one who is disabled is none of them, but: {other:?}");
}

/// Of two administrators who are demoted, or disabled, again and again at the same time, one stays.
pub async fn of_two_admins_one_stays(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    for round in 0..3 {
        let admins = only_admins(&store).await;
        let attempts = (0..20).map(|n| -> BoxFuture<'_, _> {
            let id = admins[n % 2];
            let disables = round == 2 || (round == 1 && n % 2 == 0);
            if disables {
                store.users.set_active(id, false, disabled(id))
            } else {
                store.users.set_role(id, Role::User, role_changed(id))
            }
        });
        let changes = join_all(attempts).await;
        let changes: Vec<_> = changes.into_iter().map(|change| change.expect("that is no error")).collect();
        let count = |wanted: fn(&RightsChange) -> bool| changes.iter().filter(|change| wanted(change)).count();
        assert_eq!(count(|change| matches!(change, RightsChange::Made(_))), 1, "{changes:?}");
        assert_eq!(count(|change| *change == RightsChange::Unchanged), 9, "{changes:?}");
        assert_eq!(count(|change| *change == RightsChange::LastAdmin), 10, "{changes:?}");
        assert_eq!(active_admins(&store).await.len(), 1, "one stays");
    }
}

/// Two administrators, besides whom there is none.
pub(super) async fn only_admins(store: &StoreUnderTest) -> [UserId; 2] {
    let before = active_admins(store).await;
    let admins = [(); 2].map(|()| NewUser { role: Role::Admin, ..new_user() });
    for admin in &admins {
        create(store, admin).await;
    }
    for id in before {
        let change = store.users.set_active(id, false, disabled(id)).await;
        assert!(matches!(change, Ok(RightsChange::Made(_))), "there are two others, but: {change:?}");
    }
    admins.map(|admin| admin.id)
}

async fn active_admins(store: &StoreUnderTest) -> Vec<UserId> {
    let filter = UserFilter { role: Some(Role::Admin), is_active: Some(true), text: None };
    let admins = store.users.list(filter, page(100, None, Order::Ascending)).await.expect("users can be listed");
    assert!(!admins.has_more, "a store for tests has few administrators");
    admins.items.iter().map(|admin| admin.id).collect()
}

fn role_changed(id: UserId) -> NewAuditEvent {
    event(AuditKind::RoleChanged).about(id)
}

fn disabled(id: UserId) -> NewAuditEvent {
    event(AuditKind::UserDisabled).about(id)
}

fn enabled(id: UserId) -> NewAuditEvent {
    event(AuditKind::UserEnabled).about(id)
}

async fn account(store: &StoreUnderTest, id: UserId) -> User {
    store.users.find(id).await.expect("users can be looked up").expect("the user should be found")
}

async fn is_usable(store: &StoreUnderTest, key: &NewApiKey) -> bool {
    store.keys.find(key.id).await.expect("keys can be looked up").expect("the key is there").is_usable()
}

async fn state(store: &StoreUnderTest, id: SessionId) -> SessionState {
    store.sessions.find(id).await.expect("sessions can be looked up").expect("the session should be found").state
}
