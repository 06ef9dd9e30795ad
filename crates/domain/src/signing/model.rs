use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// The name of a key (`kid`, RFC 7515 §4.1.4): 1 to 64 ASCII letters, digits, `-` or `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// The text was no key's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 64 ASCII letters, digits, `-` or `_`")]
pub struct InvalidKeyId;

impl KeyId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: String) -> Result<Self, InvalidKeyId> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(is_plain) { Ok(Self(text)) } else { Err(InvalidKeyId) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2): whoever verifies could sign as well.
    Hs256,
    /// Ed25519 (RFC 8037): other services verify with the public key.
    EdDsa,
}

/// The text names no algorithm that keys are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: HS256, EdDSA")]
pub struct InvalidAlgorithm;

impl SigningAlgorithm {
    /// Its name in a token's header (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl FromStr for SigningAlgorithm {
    type Err = InvalidAlgorithm;

    fn from_str(text: &str) -> Result<Self, InvalidAlgorithm> {
        match text {
            "HS256" => Ok(Self::Hs256),
            "EdDSA" => Ok(Self::EdDsa),
            _ => Err(InvalidAlgorithm),
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Key material that only a [`super::KeyVault`] opens. It may lie in a store, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey(Vec<u8>);

impl SealedKey {
    /// What a vault has sealed.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store or a vault.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedKey({} bytes)", self.0.len())
    }
}

/// A key that was made and not yet stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSigningKey {
    /// Its name.
    pub id: KeyId,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// What it is made of.
    pub sealed: SealedKey,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name.
    pub id: KeyId,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// What it is made of.
    pub sealed: SealedKey,
    /// When it was stored, by the store's clock.
    pub created_at: DateTime<Utc>,
    /// Since when it neither signs nor verifies; `None` while it is in force.
    pub retired_at: Option<DateTime<Utc>>,
    /// How long it had been stored when it was read, by the store's clock: that of this process may be another.
    pub age: Duration,
}

impl SigningKey {
    /// Whether it verifies.
    pub const fn is_in_force(&self) -> bool {
        self.retired_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain() {
        for good in ["a", "0f3c", "A-b_9", &"k".repeat(64)] {
            assert!(KeyId::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "a b", "../a", "a'", "ä", "a\0", &"k".repeat(65)] {
            assert_eq!(KeyId::try_from(bad.to_owned()), Err(InvalidKeyId), "{bad}");
        }
    }

    #[test]
    fn an_algorithm_is_spelt_as_in_the_registry() {
        for algorithm in [SigningAlgorithm::Hs256, SigningAlgorithm::EdDsa] {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        for bad in ["", "none", "hs256", "HS512", "RS256", "Ed25519", "EDDSA"] {
            assert_eq!(bad.parse::<SigningAlgorithm>(), Err(InvalidAlgorithm), "{bad}");
        }
    }

    #[test]
    fn what_is_sealed_is_not_shown() {
        assert_eq!(format!("{:?}", SealedKey::new(vec![77; 3])), "SealedKey(3 bytes)");
    }
}
