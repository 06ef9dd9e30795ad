//! The keys that sign access tokens: kept in the store, sealed, so that every replica has the same ones.
//!
//! A key is named by its id (`kid`), verifies as long as it is not retired, and signs if [`signing_key`] says so. What
//! it is made of is nobody's business here: the domain passes on what a [`KeyVault`] has sealed.

mod model;
mod published;
mod repository;
mod rotation;
mod vault;

pub use model::{InvalidAlgorithm, InvalidKeyId, KeyId, NewSigningKey, SealedKey, SigningAlgorithm, SigningKey};
pub use published::{PublicKey, PublishedKeys};
pub use repository::{RetireKeyError, SigningKeyRepository};
pub use rotation::{KeyRotationService, KeyStanding, RetireError, signing_key};
pub use vault::KeyVault;

#[cfg(feature = "mock")]
pub use {published::MockPublishedKeys, repository::MockSigningKeyRepository, vault::MockKeyVault};
