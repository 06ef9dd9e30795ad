use std::fmt;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::Password;
use crate::Unexpected;

/// A password's hash in PHC string format (or bcrypt's own), as it is stored. It is never printed.
#[derive(Clone)]
pub struct HashedPassword(SecretString);

impl HashedPassword {
    /// The hash that a hasher made, or a store kept.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(SecretString::from(phc.into()))
    }

    /// The hash as it is stored.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(…)")
    }
}

/// What came of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is the password.
    Match,
    /// It is the password, but the hash was made with weaker parameters than those in force.
    MatchOutdated,
    /// It is not.
    Mismatch,
}

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many are being hashed already; nothing was done.
    #[error("too many passwords are being hashed")]
    Overloaded,
    /// The hasher failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Why a hash that was made elsewhere is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableHash {
    /// It is no hash, or of a format that is not known.
    #[error("must be a hash of bcrypt ($2a$, $2b$ or $2y$) or argon2 ($argon2id$, $argon2i$ or $argon2d$)")]
    Unknown,
    /// Comparing a password with it would take too much time or memory.
    #[error("must not be dearer than bcrypt with cost 14, or argon2 with m=131072,t=16,p=16")]
    TooDear,
}

/// Port: hashing passwords.
///
/// Hashing is slow on purpose. An implementation MUST bound how much of it runs at once, MUST answer
/// [`HashError::Overloaded`] rather than let callers queue without end, and MUST NOT run on the caller's thread.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// A new hash, salted.
    async fn hash(&self, password: Password) -> Result<HashedPassword, HashError>;

    /// Whether `attempt` is the password behind `hash`.
    ///
    /// Without a hash (nobody has that name) it MUST take as long as with one, and answer [`Verification::Mismatch`].
    async fn verify(&self, attempt: SecretString, hash: Option<HashedPassword>) -> Result<Verification, HashError>;

    /// Whether `verify` would compare a password with a hash that was made elsewhere. Nothing is computed.
    ///
    /// One that is too dear MUST be [`UnusableHash::TooDear`], and `verify` MUST take it for none.
    fn accepts(&self, hash: &HashedPassword) -> Result<(), UnusableHash>;
}
