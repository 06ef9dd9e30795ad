use secrecy::SecretString;

use crate::Unexpected;

/// The SHA-256 of a token that means nothing by itself. It is what is stored of it, and of no use to a thief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// Port: tokens that are nothing but randomness.
///
/// An implementation MUST give 256 bits from the system's source of randomness, as text of `A-Z a-z 0-9 - _`.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait OpaqueTokens: Send + Sync {
    /// A new token.
    fn generate(&self) -> Result<SecretString, Unexpected>;

    /// The one token that follows this one: the same on every replica and at every call, and not to be guessed by
    /// whoever knows this one. It MUST be an HMAC-SHA-256 of the token under a key of the server's own.
    fn successor(&self, token: &str) -> SecretString;

    /// What is stored of a token.
    fn hash(&self, token: &str) -> TokenHash;
}
