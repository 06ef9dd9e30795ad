//! [`crate::user::UserRepository`].

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{
    HARD_TEXT, assert_written, create, event, moment_of_its_own, new_id, new_user, new_user_at, page, the_only_admins,
    valid,
};
use crate::audit::AuditKind;
use crate::id::UserId;
use crate::page::{ListError, Order};
use crate::user::{CreateUserError, HashedPassword, ImportedUser, NewUser, Role, User, UserFilter, Username};

/// What was created is found, field for field; what was not is not.
pub async fn an_account_is_found_by_its_id(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    let admin = NewUser { role: Role::Admin, ..new_user() };
    let user = new_user();
    for expected in [&admin, &user] {
        create(&store, expected).await;
    }
    for expected in [admin, user] {
        let found = store.users.find(expected.id).await.expect("users can be looked up");
        assert_same(&found.expect("the user should be found"), &expected.into_user());
    }
    let missing = store.users.find(UserId::from_uuid(new_id())).await.expect("users can be looked up");
    assert!(missing.is_none(), "nobody has that id");
}

/// An account of another system is kept as it was there: disabled, and with its last login.
pub async fn an_imported_account_is_kept_as_it_was(store: StoreUnderTest) {
    let moment = moment_of_its_own();
    let disabled = ImportedUser { user: new_user_at(moment), is_active: false, last_login: None };
    let last_login = Some(moment + chrono::TimeDelta::microseconds(1));
    let active = ImportedUser { user: new_user_at(moment), is_active: true, last_login };
    for expected in [disabled, active] {
        let event = event(AuditKind::UserCreated).about(expected.user.id);
        store.users.import(expected.clone(), event.clone()).await.expect("a user can be imported");
        assert_written(&store, expected.user.id, &[&event]).await;
        let found = store.users.find_for_login(&expected.user.username).await.expect("users can be looked up");
        let (found, hash) = found.expect("the user should be found");
        assert_eq!(hash.expose(), expected.user.hashed_password.expose(), "the hash should be kept");
        assert_same(&found, &expected.into_user());
    }
}

/// An import takes nobody's name and nobody's address, and what it is refused leaves nothing behind.
pub async fn an_import_takes_nothing_that_is_taken(store: StoreUnderTest) {
    let first = new_user();
    create(&store, &first).await;
    let import = async |user: NewUser| {
        let id = user.id;
        let event = event(AuditKind::UserCreated).about(id);
        let refused = store.users.import(ImportedUser { user, is_active: true, last_login: None }, event).await;
        assert!(store.users.find(id).await.expect("users can be looked up").is_none());
        assert_written(&store, id, &[]).await;
        refused
    };
    let refused = import(NewUser { username: valid(first.username.as_str().to_uppercase()), ..new_user() }).await;
    assert!(matches!(refused, Err(CreateUserError::UsernameTaken)), "the name is taken, but: {refused:?}");
    let refused = import(NewUser { email: first.email, ..new_user() }).await;
    assert!(matches!(refused, Err(CreateUserError::EmailTaken)), "the address is taken, but: {refused:?}");
}

/// A login finds the account and its hash, however the name is typed.
pub async fn a_login_finds_the_hash_without_regard_to_case(store: StoreUnderTest) {
    let user = new_user();
    create(&store, &user).await;
    let name = user.username.as_str();
    for typed in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
        let found = store.users.find_for_login(&valid(typed)).await.expect("users can be looked up");
        let (found, hash) = found.expect("the name should be found in whatever case");
        assert_same(&found, &user.clone().into_user());
        assert_eq!(hash.expose(), user.hashed_password.expose(), "the stored hash should come back unchanged");
    }
    let missing: Username = valid(new_id().simple().to_string());
    assert!(store.users.find_for_login(&missing).await.expect("users can be looked up").is_none());
}

/// A name that differs only in case is taken, and the refused account leaves nothing behind.
pub async fn a_name_is_taken_in_whatever_case(store: StoreUnderTest) {
    let first = new_user();
    create(&store, &first).await;
    let mut second = NewUser { username: valid(first.username.as_str().to_uppercase()), ..new_user() };
    let refused = store.users.create(second.clone(), event(AuditKind::UserCreated).about(second.id)).await;
    assert!(matches!(refused, Err(CreateUserError::UsernameTaken)), "the name is taken, but: {refused:?}");
    assert!(store.users.find(second.id).await.expect("users can be looked up").is_none());
    assert_written(&store, second.id, &[]).await;
    second.username = new_user().username;
    create(&store, &second).await;
}

/// An address that somebody has is taken, and the refused account leaves nothing behind.
pub async fn an_address_is_taken_once(store: StoreUnderTest) {
    let first = new_user();
    create(&store, &first).await;
    let mut second = NewUser { email: valid(first.email.as_str().to_uppercase()), ..new_user() };
    let refused = store.users.create(second.clone(), event(AuditKind::UserCreated).about(second.id)).await;
    assert!(matches!(refused, Err(CreateUserError::EmailTaken)), "the address is taken, but: {refused:?}");
    assert!(store.users.find(second.id).await.expect("users can be looked up").is_none());
    assert_written(&store, second.id, &[]).await;
    second.email = new_user().email;
    create(&store, &second).await;
}

/// Of twenty who want one name at once, one gets it.
pub async fn twenty_at_once_get_one_name(store: StoreUnderTest) {
    let name = new_user().username;
    let wishes = (0..20).map(|_| create_once(&store, NewUser { username: name.clone(), ..new_user() }));
    let results = join_all(wishes).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "one should get the name: {results:?}");
    let taken = results.iter().filter(|result| matches!(result, Err(CreateUserError::UsernameTaken))).count();
    assert_eq!(taken, 19, "the others should be told that it is taken: {results:?}");
}

/// Of twenty who give one address at once, one gets an account.
pub async fn twenty_at_once_get_one_address(store: StoreUnderTest) {
    let email = new_user().email;
    let wishes = (0..20).map(|_| create_once(&store, NewUser { email: email.clone(), ..new_user() }));
    let results = join_all(wishes).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "one should get the address: {results:?}");
    let taken = results.iter().filter(|result| matches!(result, Err(CreateUserError::EmailTaken))).count();
    assert_eq!(taken, 19, "the others should be told that it is taken: {results:?}");
}

/// A hash gives way to a new one only while it is the one that the caller saw.
pub async fn a_hash_is_replaced_only_while_it_is_the_old_one(store: StoreUnderTest) {
    let (user, bystander) = (new_user(), new_user());
    for user in [&user, &bystander] {
        create(&store, user).await;
    }
    let upgrade = async |old: &str, new: &str| {
        let (old, new) = (HashedPassword::new(old), HashedPassword::new(new));
        store.users.upgrade_hash(user.id, old, new).await.expect("a lost upgrade is no error");
    };
    let hash_of = async |name: &Username| {
        let found = store.users.find_for_login(name).await.expect("users can be looked up");
        found.expect("the user should be found").1.expose().to_owned()
    };
    upgrade("$not$the$hash", "$wrong").await;
    assert_eq!(hash_of(&user.username).await, user.hashed_password.expose(), "another hash should stay as it is");
    upgrade(user.hashed_password.expose(), "$new").await;
    assert_eq!(hash_of(&user.username).await, "$new", "the old hash should have given way");
    upgrade(user.hashed_password.expose(), "$late").await;
    assert_eq!(hash_of(&user.username).await, "$new", "who comes too late should change nothing");
    assert_eq!(hash_of(&bystander.username).await, bystander.hashed_password.expose(), "it was another's hash");
}

/// Accounts come by time of creation, in either order, a page at a time.
pub async fn accounts_are_listed_by_time_of_creation(store: StoreUnderTest) {
    let start = moment_of_its_own();
    let [first, second, third] = [0, 1, 2].map(|micros| new_user_at(start + chrono::TimeDelta::microseconds(micros)));
    for user in [&third, &first, &second] {
        create(&store, user).await;
    }
    let ids = async |limit, after, order| {
        let page = store
            .users
            .list(UserFilter::default(), page(limit, Some(after), order))
            .await
            .expect("users can be listed");
        (page.items.iter().map(|user| user.id).collect::<Vec<_>>(), page.has_more)
    };
    let (up, _) = ids(2, first.id, Order::Ascending).await;
    assert_eq!(up, [second.id, third.id], "oldest first, after the cursor");
    let (down, _) = ids(2, third.id, Order::Descending).await;
    assert_eq!(down, [second.id, first.id], "newest first, after the cursor");
    assert_eq!(ids(1, first.id, Order::Ascending).await, (vec![second.id], true), "a page of one, and more to come");
}

/// Accounts that were made at one moment are neither skipped nor repeated between pages.
pub async fn accounts_of_one_moment_are_listed_once_each(store: StoreUnderTest) {
    let moment = moment_of_its_own();
    let users = [(); 5].map(|()| new_user_at(moment));
    let before = new_user_at(moment - chrono::TimeDelta::microseconds(1));
    for user in users.iter().chain([&before]) {
        create(&store, user).await;
    }
    let mut seen = Vec::new();
    let mut after = before.id;
    for _ in &users {
        let page = store
            .users
            .list(UserFilter::default(), page(1, Some(after), Order::Ascending))
            .await
            .expect("users can be listed");
        after = page.items.first().expect("a user on every page").id;
        seen.push(after);
    }
    seen.sort();
    assert_eq!(seen, users.map(|user| user.id), "each account once");
}

/// A cursor that names nobody is an error, and not the start of the list.
pub async fn an_unknown_cursor_is_refused(store: StoreUnderTest) {
    let nobody = Some(UserId::from_uuid(new_id()));
    let refused = store.users.list(UserFilter::default(), page(10, nobody, Order::Ascending)).await;
    assert!(matches!(refused, Err(ListError::UnknownCursor)), "nobody has that id, but: {refused:?}");
}

/// A filter leaves out what it does not name; the list may go on after what it leaves out.
pub async fn accounts_are_filtered(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    let marker = new_id().simple().to_string();
    let named = |name: String| NewUser { username: valid(name), ..new_user() };
    let (in_name, admin) = (named(format!("It_{marker}")), named(format!("a.{marker}")));
    let admin = NewUser { role: Role::Admin, ..admin };
    let in_address = NewUser { email: valid(format!("{marker}@example.org")), ..new_user() };
    let disabled = named(format!("z-{marker}"));
    let other = new_user();
    for user in [&in_name, &admin, &in_address, &disabled, &other] {
        create(&store, user).await;
    }
    let disable = store.users.set_active(disabled.id, false, event(AuditKind::UserDisabled));
    disable.await.expect("an account can be disabled");
    let ids = async |filter: UserFilter, after: Option<UserId>| {
        let listed = store.users.list(filter, page(100, after, Order::Ascending)).await.expect("users can be listed");
        listed.items.iter().map(|user| user.id).collect::<Vec<_>>()
    };
    let with = |text: &str| UserFilter { text: Some(text.to_owned()), ..UserFilter::default() };
    let all = [in_name.id, admin.id, in_address.id, disabled.id];
    for text in [marker.clone(), marker.to_uppercase()] {
        assert_eq!(ids(with(&text), None).await, all, "in whatever case, in the name or the address");
        assert_eq!(ids(with(&text), Some(other.id)).await, [], "nothing comes after the last");
        assert_eq!(ids(with(&text), Some(admin.id)).await, all[2..]);
    }
    assert_eq!(ids(with(&format!("t_{marker}")), None).await, [in_name.id], "an underscore is an underscore");
    for nowhere in [format!("%{marker}"), format!("?{marker}"), format!("{marker}{HARD_TEXT}")] {
        assert_eq!(ids(with(&nowhere), None).await, [], "{nowhere:?} is in no name");
    }
    let admins = UserFilter { role: Some(Role::Admin), ..with(&marker) };
    assert_eq!(ids(admins.clone(), None).await, [admin.id]);
    assert_eq!(ids(UserFilter { role: Some(Role::User), ..with(&marker) }, None).await, [all[0], all[2], all[3]]);
    assert_eq!(ids(UserFilter { is_active: Some(false), ..with(&marker) }, None).await, [disabled.id]);
    assert_eq!(ids(UserFilter { is_active: Some(true), ..with(&marker) }, None).await, all[..3]);
    assert_eq!(ids(UserFilter { is_active: Some(false), ..admins }, None).await, [], "both must hold");
}

/// That an account was made is written down with it.
pub async fn a_new_account_is_written_down(store: StoreUnderTest) {
    let user = new_user();
    let made = event(AuditKind::UserCreated).about(user.id).saying(HARD_TEXT);
    store.users.create(user.clone(), made.clone()).await.expect("a user can be created");
    assert_written(&store, user.id, &[&made]).await;
}

async fn create_once(store: &StoreUnderTest, user: NewUser) -> Result<(), CreateUserError> {
    store.users.create(user, event(AuditKind::UserCreated)).await
}

fn assert_same(found: &User, expected: &User) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"), "the account should come back as it was stored");
}
