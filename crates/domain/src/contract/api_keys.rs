//! [`crate::api_key::ApiKeyRepository`].

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{
    HARD_TEXT, assert_written, at, create, create_key, create_user, event, new_hash, new_id, new_key, new_user, page,
    the_only_admins, valid,
};
use crate::access::{Scope, Scopes};
use crate::api_key::{ApiKey, FoundApiKey, NewApiKey};
use crate::audit::{AuditKind, NewAuditEvent};
use crate::id::{ApiKeyId, UserId};
use crate::page::{ListError, Order};
use crate::user::{NewUser, Role};

/// A key is found whole, with what its owner may do, and that it was made is written down.
pub async fn a_key_is_found_with_its_owner(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    let everything = Scope::ALL.map(|scope| scope.as_str().to_owned()).to_vec();
    let everything = Scopes::try_from(everything).expect("valid scopes");
    for (role, scopes) in [(Role::User, new_key(UserId::from_uuid(new_id())).scopes), (Role::Admin, everything)] {
        let owner = NewUser { role, ..new_user() };
        create(&store, &owner).await;
        let key = NewApiKey { scopes, ..new_key(owner.id) };
        let made = event(AuditKind::KeyCreated).about(owner.id).concerning(key.id.as_uuid());
        store.keys.create(key.clone(), made.clone()).await.expect("a key can be created");
        let found = find(&store, key.id).await;
        assert_eq!((found.id, found.user_id, found.hash), (key.id, owner.id, key.hash));
        assert_eq!((found.username, found.role, found.user_is_active), (owner.username, role, true));
        assert_eq!(found.scopes, key.scopes);
        assert_eq!((found.created_at, found.expires_at), (key.created_at, key.expires_at));
        assert!(found.is_live && found.needs_touch, "it is live, and was never used");
        assert_written(&store, owner.id, &[&made]).await;
    }
    let unknown = store.keys.find(ApiKeyId::from_uuid(new_id())).await.expect("keys can be looked up");
    assert!(unknown.is_none());
}

/// A key whose time is over, by the store's clock, is not live.
pub async fn an_expired_key_is_not_live(store: StoreUnderTest) {
    let owner = create_user(&store).await.id;
    let key = NewApiKey { expires_at: at(1), ..new_key(owner) };
    create_key(&store, &key).await;
    assert!(!find(&store, key.id).await.is_live);
}

/// A key is live until it is revoked; its owner's others stay.
pub async fn a_revoked_key_is_not_live(store: StoreUnderTest) {
    let owner = create_user(&store).await.id;
    let (key, other) = (new_key(owner), new_key(owner));
    for key in [&key, &other] {
        create_key(&store, key).await;
    }
    assert!(find(&store, key.id).await.is_live);
    let event = revoked(owner);
    assert!(revoke(&store, owner, key.id, &event).await);
    assert!(!find(&store, key.id).await.is_live);
    assert!(find(&store, other.id).await.is_live, "it was another key");
    assert!(!revoke(&store, owner, key.id, &revoked(owner)).await, "it is revoked already");
    assert!(!revoke(&store, owner, ApiKeyId::from_uuid(new_id()), &revoked(owner)).await, "it never was");
    assert_written(&store, owner, &[&event]).await;
}

/// Nobody revokes somebody else's key.
pub async fn only_its_owner_revokes_a_key(store: StoreUnderTest) {
    let (owner, other) = (create_user(&store).await.id, create_user(&store).await.id);
    let key = new_key(owner);
    create_key(&store, &key).await;
    for id in [owner, other] {
        // About either of them: nothing may be written down of what was not done.
        assert!(!revoke(&store, other, key.id, &revoked(id)).await);
        assert_written(&store, id, &[]).await;
    }
    assert!(find(&store, key.id).await.is_live);
}

/// Of twenty who revoke a key at once, one did it, and that one is written down.
pub async fn of_twenty_at_once_one_revokes_it(store: StoreUnderTest) {
    let owner = create_user(&store).await.id;
    let key = new_key(owner);
    create_key(&store, &key).await;
    let events: Vec<NewAuditEvent> = (0..20).map(|_| revoked(owner)).collect();
    let results = join_all(events.iter().map(|event| revoke(&store, owner, key.id, event))).await;
    let who: Vec<&NewAuditEvent> = events.iter().zip(results).filter_map(|(event, it)| it.then_some(event)).collect();
    assert_eq!(who.len(), 1);
    assert_written(&store, owner, &who).await;
}

/// A key that is used is noted as used; its first use is written down, once however many come at once.
pub async fn the_first_use_is_written_down(store: StoreUnderTest) {
    let owner = create_user(&store).await.id;
    let (key, unused) = (new_key(owner), new_key(owner));
    for key in [&key, &unused] {
        create_key(&store, key).await;
    }
    let used = || event(AuditKind::KeyFirstUsed).about(owner).concerning(key.id.as_uuid());
    let events: Vec<NewAuditEvent> = (0..20).map(|_| used()).collect();
    for touched in join_all(events.iter().map(|event| store.keys.touch(key.id, event.clone()))).await {
        touched.expect("a use can be noted");
    }
    let written = store.audit.list(
        crate::audit::AuditFilter { subject: Some(owner), ..Default::default() },
        page(100, None, Order::Ascending),
    );
    let written = written.await.expect("events can be listed").items;
    let first = events.iter().find(|event| written.first().is_some_and(|written| written.id == event.id));
    assert_written(&store, owner, &[first.expect("one of them is written down")]).await;
    assert!(!find(&store, key.id).await.needs_touch, "it was used just now");
    assert!(find(&store, unused.id).await.needs_touch, "it was another key");

    let before = last_used(&store, owner, key.id).await;
    store.keys.touch(key.id, used()).await.expect("a use can be noted");
    assert!(last_used(&store, owner, key.id).await > before, "it was used again");
    assert_eq!(last_used(&store, owner, unused.id).await, None);
    store.keys.touch(ApiKeyId::from_uuid(new_id()), used()).await.expect("what never was is left alone");
    assert_written(&store, owner, &[first.expect("it is the only one")]).await;
}

/// A user's keys are listed whole, also those whose time is over; those that are revoked or somebody else's are not.
pub async fn keys_that_are_not_revoked_are_listed(store: StoreUnderTest) {
    let (owner, other) = (create_user(&store).await.id, create_user(&store).await.id);
    let keys = [
        NewApiKey { created_at: at(1), name: valid("n".repeat(100)), ..new_key(owner) },
        NewApiKey { created_at: at(2), expires_at: at(3), ..new_key(owner) },
    ];
    let gone = NewApiKey { created_at: at(3), ..new_key(owner) };
    for key in [&keys[1], &gone, &keys[0], &new_key(other)] {
        create_key(&store, key).await;
    }
    assert!(revoke(&store, owner, gone.id, &revoked(owner)).await);
    let expected: Vec<ApiKey> = keys.iter().map(listed).collect();
    assert_eq!(list(&store, owner).await, expected);
    let newest_first = store.keys.list(owner, page(10, None, Order::Descending)).await;
    let newest_first = newest_first.expect("keys can be listed").items;
    assert_eq!(newest_first, expected.into_iter().rev().collect::<Vec<_>>());
}

/// A page begins after its cursor, also after one that has been revoked meanwhile, and says whether there is more.
pub async fn pages_follow_one_another(store: StoreUnderTest) {
    let owner = create_user(&store).await.id;
    let keys = [1, 2, 2, 2, 3].map(|seconds| NewApiKey { created_at: at(seconds), ..new_key(owner) });
    for key in &keys {
        create_key(&store, key).await;
    }
    let mut ids = keys.map(|key| key.id);
    for order in [Order::Ascending, Order::Descending] {
        let listed = async |after| {
            let page = store.keys.list(owner, page(2, after, order)).await.expect("keys can be listed");
            (page.items.iter().map(|key| key.id).collect::<Vec<_>>(), page.has_more)
        };
        assert_eq!(listed(None).await, (vec![ids[0], ids[1]], true), "{order:?}");
        assert_eq!(listed(Some(ids[1])).await, (vec![ids[2], ids[3]], true), "{order:?}");
        assert_eq!(listed(Some(ids[2])).await, (vec![ids[3], ids[4]], false), "{order:?}");
        assert_eq!(listed(Some(ids[4])).await, (vec![], false), "{order:?}");
        ids.reverse();
    }
    assert!(revoke(&store, owner, ids[1], &revoked(owner)).await);
    let rest = store.keys.list(owner, page(10, Some(ids[1]), Order::Ascending)).await;
    let rest: Vec<_> = rest.expect("a cursor may be revoked").items.iter().map(|key| key.id).collect();
    assert_eq!(rest, ids[2..]);
}

/// A cursor that names no key of the user is an error, also when it names somebody else's.
pub async fn an_unknown_cursor_is_refused(store: StoreUnderTest) {
    let (owner, other) = (create_user(&store).await.id, create_user(&store).await.id);
    let foreign = new_key(other);
    create_key(&store, &foreign).await;
    for cursor in [ApiKeyId::from_uuid(new_id()), foreign.id] {
        let listed = store.keys.list(owner, page(10, Some(cursor), Order::Ascending)).await;
        assert!(matches!(listed, Err(ListError::UnknownCursor)), "not a cursor of this list, but: {listed:?}");
    }
}

/// A key has the name its owner gave it, and its hash to the last bit.
pub async fn hard_names_are_kept_exactly(store: StoreUnderTest) {
    let owner = create_user(&store).await.id;
    let start: String = HARD_TEXT.chars().take(40).collect();
    for name in [start.as_str(), "'", "NULL", "👩\u{200d}👩\u{200d}👧"] {
        let key = NewApiKey { name: valid(name), hash: new_hash(), ..new_key(owner) };
        create_key(&store, &key).await;
        assert_eq!(find(&store, key.id).await.hash, key.hash);
        assert!(list(&store, owner).await.contains(&listed(&key)), "{name:?}");
    }
}

/// The key as its owner sees it before it is used.
fn listed(key: &NewApiKey) -> ApiKey {
    let NewApiKey { id, name, scopes, created_at, expires_at, .. } = key.clone();
    ApiKey { id, name, scopes, created_at, expires_at, last_used_at: None }
}

fn revoked(owner: UserId) -> NewAuditEvent {
    event(AuditKind::KeyRevoked).about(owner)
}

async fn revoke(store: &StoreUnderTest, owner: UserId, id: ApiKeyId, event: &NewAuditEvent) -> bool {
    store.keys.revoke(owner, id, event.clone()).await.expect("a key can be revoked, or is left alone")
}

async fn find(store: &StoreUnderTest, id: ApiKeyId) -> FoundApiKey {
    store.keys.find(id).await.expect("keys can be looked up").expect("the key should be found")
}

async fn list(store: &StoreUnderTest, owner: UserId) -> Vec<ApiKey> {
    store.keys.list(owner, page(100, None, Order::Ascending)).await.expect("keys can be listed").items
}

async fn last_used(store: &StoreUnderTest, owner: UserId, id: ApiKeyId) -> Option<chrono::DateTime<chrono::Utc>> {
    let keys = list(store, owner).await;
    keys.iter().find(|key| key.id == id).expect("the key should be listed").last_used_at
}
