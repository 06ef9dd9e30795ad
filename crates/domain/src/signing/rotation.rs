use std::sync::Arc;
use std::time::Duration;

use super::{KeyId, KeyVault, RetireKeyError, SigningAlgorithm, SigningKey, SigningKeyRepository};
use crate::Unexpected;

/// How long a key verifies before it signs. Replicas look for new keys every second, so all of them know it by then.
const SETTLING: Duration = Duration::from_secs(5);

/// The key that signs, among those that can be used, oldest first: the newest of its algorithm that every replica
/// knows. Where none is that old, it is the oldest, which most of them know.
pub fn signing_key<'a>(
    usable: impl DoubleEndedIterator<Item = &'a SigningKey> + Clone,
    algorithm: SigningAlgorithm,
) -> Option<&'a SigningKey> {
    let mut keys = usable.filter(|key| key.is_in_force() && key.algorithm == algorithm);
    keys.clone().rfind(|key| key.age >= SETTLING).or_else(|| keys.next())
}

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// It signs, and verifies.
    Signs,
    /// It verifies what it has signed, or will sign soon.
    Verifies,
    /// It is in force, but was sealed with another secret.
    Sealed,
    /// It is good for nothing any more.
    Retired,
}

/// Why a key was not retired.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// There is no such key.
    #[error("there is no key of that name")]
    NotFound,
    /// No key would be left to sign with.
    #[error("no other key of the algorithm {0} can be used")]
    LastUsable(SigningAlgorithm),
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: changing the keys that sign access tokens.
#[derive(Clone)]
pub struct KeyRotationService {
    keys: Arc<dyn SigningKeyRepository>,
    vault: Arc<dyn KeyVault>,
    algorithm: SigningAlgorithm,
}

impl KeyRotationService {
    /// The use case over these ports; tokens are signed with `algorithm`.
    pub fn new(keys: Arc<dyn SigningKeyRepository>, vault: Arc<dyn KeyVault>, algorithm: SigningAlgorithm) -> Self {
        Self { keys, vault, algorithm }
    }

    /// Makes a key if there is none to sign with. Two processes that do so at once make two, and both count.
    pub async fn ensure(&self) -> Result<Option<KeyId>, Unexpected> {
        match self.newest_usable(&self.keys.list().await?, None) {
            Some(_) => Ok(None),
            None => self.add(None).await.map(Some),
        }
    }

    /// All keys, oldest first, and what each is good for.
    pub async fn list(&self) -> Result<Vec<(SigningKey, KeyStanding)>, Unexpected> {
        let keys = self.keys.list().await?;
        let usable = keys.iter().filter(|key| key.is_in_force() && self.vault.opens(key));
        let signs = signing_key(usable, self.algorithm).map(|key| key.id.clone());
        let standing = |key: &SigningKey| match key {
            _ if !key.is_in_force() => KeyStanding::Retired,
            _ if signs.as_ref() == Some(&key.id) => KeyStanding::Signs,
            _ if self.vault.opens(key) => KeyStanding::Verifies,
            _ => KeyStanding::Sealed,
        };
        let standings: Vec<KeyStanding> = keys.iter().map(standing).collect();
        Ok(keys.into_iter().zip(standings).collect())
    }

    /// Makes a key of that algorithm, or of the one that signs, and returns its name.
    pub async fn add(&self, algorithm: Option<SigningAlgorithm>) -> Result<KeyId, Unexpected> {
        let key = self.vault.make(algorithm.unwrap_or(self.algorithm))?;
        let id = key.id.clone();
        self.keys.add(key).await?;
        Ok(id)
    }

    /// Retires the key for good: what it has signed is worth nothing from now on. Another key must be left to sign.
    pub async fn retire(&self, id: &KeyId) -> Result<(), RetireError> {
        let keys = self.keys.list().await?;
        let is_there = keys.iter().any(|key| key.id == *id);
        match self.newest_usable(&keys, Some(id)) {
            _ if !is_there => Err(RetireError::NotFound),
            None => Err(RetireError::LastUsable(self.algorithm)),
            Some(successor) => self.keys.retire(id, &successor.id).await.map_err(|error| match error {
                RetireKeyError::NotFound => RetireError::NotFound,
                RetireKeyError::NoSuccessor => RetireError::LastUsable(self.algorithm),
                RetireKeyError::Unexpected(source) => RetireError::Unexpected(source),
            }),
        }
    }

    fn newest_usable<'a>(&self, keys: &'a [SigningKey], but: Option<&KeyId>) -> Option<&'a SigningKey> {
        keys.iter().rfind(|key| {
            key.is_in_force() && key.algorithm == self.algorithm && Some(&key.id) != but && self.vault.opens(key)
        })
    }
}
