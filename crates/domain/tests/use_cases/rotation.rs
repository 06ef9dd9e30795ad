use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::signing::{
    KeyId, KeyRotationService, KeyStanding, MockKeyVault, MockSigningKeyRepository, NewSigningKey, RetireError,
    RetireKeyError, SealedKey, SigningAlgorithm, SigningKey, signing_key,
};

use super::{moment, valid};

const HS256: SigningAlgorithm = SigningAlgorithm::Hs256;
const EDDSA: SigningAlgorithm = SigningAlgorithm::EdDsa;

fn key(name: &str, algorithm: SigningAlgorithm, age: u64) -> SigningKey {
    let (created_at, sealed) = (moment(), SealedKey::new(name.into()));
    SigningKey { id: id(name), algorithm, sealed, created_at, retired_at: None, age: Duration::from_secs(age) }
}

fn retired(key: SigningKey) -> SigningKey {
    SigningKey { retired_at: Some(moment()), ..key }
}

fn id(name: &str) -> KeyId {
    valid(name)
}

/// A store with those keys, where those named `foreign…` were sealed with another secret.
struct Scene {
    store: MockSigningKeyRepository,
    vault: MockKeyVault,
}

impl Scene {
    fn with(keys: impl Into<Vec<SigningKey>>) -> Self {
        let (mut store, mut vault, keys) = (MockSigningKeyRepository::new(), MockKeyVault::new(), keys.into());
        store.expect_list().once().return_once(|| Ok(keys));
        vault.expect_opens().returning(|key| !key.id.as_str().starts_with("foreign"));
        Self { store, vault }
    }

    fn makes(mut self, algorithm: SigningAlgorithm) -> Self {
        let made = NewSigningKey { id: id("made"), algorithm, sealed: SealedKey::new(vec![1]) };
        let stored = made.clone();
        self.vault.expect_make().once().withf(move |wanted| *wanted == algorithm).return_once(|_| Ok(made));
        self.store.expect_add().once().withf(move |key| *key == stored).return_once(|_| Ok(()));
        self
    }

    fn retires(mut self, name: &'static str, successor: &'static str, answer: Result<(), RetireKeyError>) -> Self {
        let expected = self.store.expect_retire().once();
        expected.withf(move |key, by| (key.as_str(), by.as_str()) == (name, successor)).return_once(|_, _| answer);
        self
    }

    fn rotation(self) -> KeyRotationService {
        KeyRotationService::new(Arc::new(self.store), Arc::new(self.vault), HS256)
    }
}

#[test]
fn the_newest_key_that_everybody_knows_signs() {
    let signs = |keys: &[SigningKey]| signing_key(keys.iter(), HS256).map(|key| key.id.to_string());
    let (old, known, new) = (key("old", HS256, 90), key("known", HS256, 5), key("new", HS256, 4));
    assert_eq!(signs(&[old.clone(), known.clone(), new.clone()]).as_deref(), Some("known"));
    assert_eq!(signs(&[old.clone(), retired(known), new.clone()]).as_deref(), Some("old"));
    assert_eq!(signs(&[old.clone(), key("other", EDDSA, 60)]).as_deref(), Some("old"));
    assert_eq!(signs(&[new.clone(), key("newer", HS256, 3)]).as_deref(), Some("new"), "more of them know the older");
    assert_eq!(signs(&[retired(old), key("other", EDDSA, 60)]), None);
}

#[tokio::test]
async fn a_key_is_made_where_there_is_none_to_sign_with() {
    let useless = [retired(key("a", HS256, 60)), key("b", EDDSA, 60), key("foreign", HS256, 60)];
    assert_eq!(Scene::with(useless).makes(HS256).rotation().ensure().await.unwrap(), Some(id("made")));
    assert_eq!(Scene::with([key("a", HS256, 0)]).rotation().ensure().await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_of_the_algorithm_that_signs_unless_another_is_wanted() {
    let scene = Scene { store: MockSigningKeyRepository::new(), vault: MockKeyVault::new() };
    assert_eq!(scene.makes(HS256).rotation().add(None).await.unwrap(), id("made"));
    let scene = Scene { store: MockSigningKeyRepository::new(), vault: MockKeyVault::new() };
    assert_eq!(scene.makes(EDDSA).rotation().add(Some(EDDSA)).await.unwrap(), id("made"));
}

#[tokio::test]
async fn every_key_is_listed_with_its_standing() {
    let keys = [
        retired(key("a", HS256, 90)),
        key("b", HS256, 60),
        key("c", HS256, 30),
        key("d", EDDSA, 20),
        key("foreign", HS256, 10),
        key("e", HS256, 0),
    ];
    let listed = Scene::with(keys).rotation().list().await.unwrap();
    let standings: Vec<(&str, KeyStanding)> =
        listed.iter().map(|(key, standing)| (key.id.as_str(), *standing)).collect();
    let expected = [
        ("a", KeyStanding::Retired),
        ("b", KeyStanding::Verifies),
        ("c", KeyStanding::Signs),
        ("d", KeyStanding::Verifies),
        ("foreign", KeyStanding::Sealed),
        ("e", KeyStanding::Verifies),
    ];
    assert_eq!(standings, expected);
}

#[tokio::test]
async fn a_key_is_retired_in_favour_of_the_newest_usable() {
    let keys = [key("a", HS256, 60), key("b", HS256, 30), key("foreign", HS256, 9), key("c", EDDSA, 9)];
    for (name, successor) in [("a", "b"), ("b", "a"), ("c", "b"), ("foreign", "b")] {
        Scene::with(keys.clone()).retires(name, successor, Ok(())).rotation().retire(&id(name)).await.unwrap();
    }
}

#[tokio::test]
async fn the_last_usable_key_is_not_retired() {
    let keys = [key("a", HS256, 60), retired(key("b", HS256, 60)), key("foreign", HS256, 60), key("c", EDDSA, 60)];
    let refused = Scene::with(keys).rotation().retire(&id("a")).await;
    assert!(matches!(refused, Err(RetireError::LastUsable(SigningAlgorithm::Hs256))), "{refused:?}");

    let raced = Scene::with([key("a", HS256, 60), key("b", HS256, 60)]);
    let refused = raced.retires("a", "b", Err(RetireKeyError::NoSuccessor)).rotation().retire(&id("a")).await;
    assert!(matches!(refused, Err(RetireError::LastUsable(SigningAlgorithm::Hs256))), "{refused:?}");
}

#[tokio::test]
async fn a_key_that_is_not_there_is_told_so() {
    for keys in [vec![], vec![key("a", HS256, 60)]] {
        let refused = Scene::with(keys).rotation().retire(&id("b")).await;
        assert!(matches!(refused, Err(RetireError::NotFound)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_told() {
    let mut scene = Scene { store: MockSigningKeyRepository::new(), vault: MockKeyVault::new() };
    scene.store.expect_list().returning(|| Err(Unexpected::unavailable("away")));
    let rotation = scene.rotation();
    assert!(rotation.ensure().await.is_err() && rotation.list().await.is_err());
    assert!(matches!(rotation.retire(&id("a")).await, Err(RetireError::Unexpected(_))));
}
