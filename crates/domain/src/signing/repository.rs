use async_trait::async_trait;

use super::{KeyId, NewSigningKey, SigningKey};
use crate::Unexpected;

/// Why a key was not retired. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RetireKeyError {
    /// There is no such key.
    #[error("there is no key of that name")]
    NotFound,
    /// The key that was to stay is the same, is not there, or has been retired.
    #[error("the key that was to stay is not in force")]
    NoSuccessor,
    /// The store failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Port: signing keys at rest. Every method is atomic.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SigningKeyRepository: Send + Sync {
    /// Stores a key, in force from now on by the store's clock. One of a name that is there already changes nothing.
    async fn add(&self, key: NewSigningKey) -> Result<(), Unexpected>;

    /// All keys, retired ones too, oldest first; those of one moment by name.
    async fn list(&self) -> Result<Vec<SigningKey>, Unexpected>;

    /// Retires the key for good, if `successor` is another key and in force. A key that is retired already stays as it
    /// is, and that is no error.
    ///
    /// Of two keys that are retired in favour of each other at once, one MUST stay in force.
    async fn retire(&self, id: &KeyId, successor: &KeyId) -> Result<(), RetireKeyError>;
}
