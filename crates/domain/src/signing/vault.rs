use super::{NewSigningKey, SigningAlgorithm, SigningKey};
use crate::Unexpected;

/// Port: what makes keys and seals them.
///
/// What is sealed MUST be bound to the key's name and algorithm, and MUST be worth nothing without the vault's secret.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait KeyVault: Send + Sync {
    /// A new key, with a name that nobody has.
    fn make(&self, algorithm: SigningAlgorithm) -> Result<NewSigningKey, Unexpected>;

    /// Whether the key was sealed with this vault's secret, and is unharmed.
    fn opens(&self, key: &SigningKey) -> bool;
}
