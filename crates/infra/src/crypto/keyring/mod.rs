//! The keys that sign access tokens, as this process has them: opened once, and exchanged as a whole when the store has
//! others, so that no request waits for a lock or for the store.

mod key;
mod refresh;
mod vault;

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use domain::Unexpected;
use domain::signing::{KeyId, PublicKey, PublishedKeys, SigningAlgorithm};

pub(crate) use key::Key;
pub use refresh::KeyringRefresh;
pub use vault::Vault;

/// The keys in force that could be opened.
#[derive(Default)]
pub struct Keyring {
    keys: ArcSwap<Keys>,
}

/// The keys of one look at the store.
#[derive(Default)]
pub(crate) struct Keys {
    /// Whatever verifies, oldest first.
    pub(crate) in_force: Vec<Arc<Key>>,
    /// The one of them that signs.
    pub(crate) signing: Option<Arc<Key>>,
}

impl Keyring {
    /// A keyring of one key that signs and verifies, for whoever keeps keys elsewhere.
    ///
    /// # Errors
    /// The algorithm does not take the material.
    pub fn of(id: KeyId, algorithm: SigningAlgorithm, material: [u8; 32]) -> Result<Self, Unexpected> {
        let key = Arc::new(Key::new(id, algorithm, &Box::new(material).into())?);
        Ok(Self { keys: ArcSwap::from_pointee(Keys { in_force: vec![key.clone()], signing: Some(key) }) })
    }

    pub(crate) fn keys(&self) -> Guard<Arc<Keys>> {
        self.keys.load()
    }

    pub(crate) fn exchange(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
    }
}

impl Keys {
    /// The key whose tokens begin like that.
    pub(crate) fn with_header(&self, encoded: &str) -> Option<&Key> {
        self.in_force.iter().map(|key| &**key).find(|key| key.encoded_header() == encoded)
    }
}

impl PublishedKeys for Keyring {
    fn published(&self) -> Vec<PublicKey> {
        self.keys().in_force.iter().filter_map(|key| key.public()).collect()
    }
}
