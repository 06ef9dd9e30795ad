//! [`crate::signing::SigningKeyRepository`].

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{new_id, valid};
use crate::signing::{KeyId, NewSigningKey, RetireKeyError, SealedKey, SigningAlgorithm, SigningKey};

/// A stored key is listed, field for field, and is in force.
pub async fn an_added_key_is_listed(store: StoreUnderTest) {
    for algorithm in [SigningAlgorithm::Hs256, SigningAlgorithm::EdDsa] {
        let key = NewSigningKey { algorithm, ..new_key() };
        add(&store, &key).await;
        let found = find(&store, &key.id).await;
        assert_eq!(NewSigningKey { id: found.id, algorithm: found.algorithm, sealed: found.sealed }, key);
        assert_eq!(found.retired_at, None, "a new key is in force");
        assert!(found.age < Duration::from_secs(60), "the key is new, not {:?} old", found.age);
    }
}

/// A name that is there already keeps the key it has.
pub async fn a_name_is_given_once(store: StoreUnderTest) {
    let first = new_key();
    add(&store, &first).await;
    let stored = find(&store, &first.id).await;
    let second = NewSigningKey { sealed: SealedKey::new(vec![9; 60]), algorithm: SigningAlgorithm::EdDsa, ..first };
    add(&store, &second).await;
    let found = find(&store, &second.id).await;
    assert_eq!(SigningKey { age: stored.age, ..found }, stored);
}

/// The list is in order of creation, and a key's age is that of its creation.
pub async fn keys_are_listed_oldest_first(store: StoreUnderTest) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let key = new_key();
        add(&store, &key).await;
        ids.push(key.id);
    }
    let listed = list(&store).await;
    let own: Vec<&SigningKey> = listed.iter().filter(|key| ids.contains(&key.id)).collect();
    assert_eq!(own.iter().map(|key| key.created_at).max(), own.last().map(|key| key.created_at));
    assert!(listed.is_sorted_by_key(|key| (key.created_at, key.id.clone())), "oldest first: {listed:?}");
    let pairs = listed.windows(2).filter_map(|pair| Some((pair.first()?, pair.last()?)));
    for (older, younger) in pairs {
        let apart = (younger.created_at - older.created_at).to_std().expect("the list is in order");
        // A key that is stored while the list is read may seem to come from the future.
        let off = older.age.abs_diff(younger.age + apart);
        assert!(off < Duration::from_secs(1), "ages are counted from creation, but are {off:?} off");
    }
}

/// A retired key stays in the list, and stays retired at that moment.
pub async fn a_retired_key_stays_in_the_list(store: StoreUnderTest) {
    let (key, successor, bystander) = (new_key(), new_key(), new_key());
    for key in [&key, &successor, &bystander] {
        add(&store, key).await;
    }
    store.signing_keys.retire(&key.id, &successor.id).await.expect("a key can be retired");
    let retired = find(&store, &key.id).await;
    assert!(retired.retired_at.is_some_and(|moment| moment >= retired.created_at), "{retired:?}");
    for other in [&successor.id, &bystander.id] {
        assert!(find(&store, other).await.is_in_force(), "it was another key");
    }
    store.signing_keys.retire(&key.id, &successor.id).await.expect("what is retired is left alone");
    assert_eq!(find(&store, &key.id).await.retired_at, retired.retired_at);
}

/// A key that is not there cannot be retired.
pub async fn an_unknown_key_is_not_retired(store: StoreUnderTest) {
    let successor = new_key();
    add(&store, &successor).await;
    let refused = store.signing_keys.retire(&new_key().id, &successor.id).await;
    assert!(matches!(refused, Err(RetireKeyError::NotFound)), "there is no such key, but: {refused:?}");
}

/// A key is retired only while another is in force.
pub async fn a_key_needs_a_successor(store: StoreUnderTest) {
    let (key, retired, successor) = (new_key(), new_key(), new_key());
    for key in [&key, &retired, &successor] {
        add(&store, key).await;
    }
    store.signing_keys.retire(&retired.id, &successor.id).await.expect("a key can be retired");
    for useless in [&key.id, &retired.id, &new_key().id] {
        let refused = store.signing_keys.retire(&key.id, useless).await;
        assert!(matches!(refused, Err(RetireKeyError::NoSuccessor)), "{useless} is no successor, but: {refused:?}");
        assert!(find(&store, &key.id).await.is_in_force(), "what was refused should change nothing");
    }
}

/// Of two keys that are retired in favour of each other at once, one stays.
pub async fn of_two_successors_one_stays(store: StoreUnderTest) {
    let pairs: Vec<(NewSigningKey, NewSigningKey)> = (0..20).map(|_| (new_key(), new_key())).collect();
    for (one, other) in &pairs {
        add(&store, one).await;
        add(&store, other).await;
    }
    let wishes = pairs.iter().flat_map(|(one, other)| [(&one.id, &other.id), (&other.id, &one.id)]);
    let results = join_all(wishes.map(|(id, successor)| store.signing_keys.retire(id, successor))).await;
    for (pair, results) in pairs.iter().zip(results.chunks(2)) {
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "one is retired: {results:?}");
        let in_force = [find(&store, &pair.0.id).await.is_in_force(), find(&store, &pair.1.id).await.is_in_force()];
        assert_eq!(in_force.iter().filter(|it| **it).count(), 1, "and one stays");
    }
}

/// With bytes that a store may stumble over.
fn new_key() -> NewSigningKey {
    let id: KeyId = valid(format!("K-{}_", new_id().simple()));
    let sealed = [&[0, 255, b'\'', b'\\', 0][..], id.as_str().as_bytes(), &[0]].concat();
    NewSigningKey { id, algorithm: SigningAlgorithm::Hs256, sealed: SealedKey::new(sealed) }
}

async fn add(store: &StoreUnderTest, key: &NewSigningKey) {
    store.signing_keys.add(key.clone()).await.expect("a key can be stored");
}

async fn list(store: &StoreUnderTest) -> Vec<SigningKey> {
    store.signing_keys.list().await.expect("keys can be listed")
}

async fn find(store: &StoreUnderTest, id: &KeyId) -> SigningKey {
    list(store).await.into_iter().find(|key| key.id == *id).expect("the key should be listed")
}
