use super::KeyId;

/// What others verify tokens with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The name of the key.
    pub id: KeyId,
    /// The point of Ed25519 (RFC 8032 §5.1.5): the algorithm is always [`super::SigningAlgorithm::EdDsa`].
    pub point: [u8; 32],
}

/// Port: the public keys of this service.
///
/// An implementation MUST give those of every key in force that has one, MUST give nothing that signs, and MUST NOT
/// wait for anything: it is asked by anybody.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait PublishedKeys: Send + Sync {
    /// The keys, oldest first.
    fn published(&self) -> Vec<PublicKey>;
}
