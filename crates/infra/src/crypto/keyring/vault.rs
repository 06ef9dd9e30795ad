use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use domain::Unexpected;
use domain::signing::{KeyId, KeyVault, NewSigningKey, SealedKey, SigningAlgorithm, SigningKey};
use secrecy::{ExposeSecret, SecretBox, SecretString};

/// What sets this key apart from whatever else is made of the same secret.
const LABEL: &[u8] = b"colloquy signing keys 1";

/// What a key is made of: the secret of HS256, the seed of Ed25519.
pub(crate) type Material = SecretBox<[u8; 32]>;

/// Seals keys with AES-256-GCM, under a key that HKDF-SHA-256 makes of the server's secret.
///
/// A sealed key is the nonce, the encrypted material and the tag; name and algorithm are authenticated with it.
pub struct Vault {
    sealing: RandomizedNonceKey,
}

impl Vault {
    /// The vault of that secret.
    pub fn new(secret: &SecretString) -> Result<Self, Unexpected> {
        let mut key = SecretBox::new(Box::new([0; 32]));
        let extracted = Salt::new(HKDF_SHA256, &[]).extract(secret.expose_secret().as_bytes());
        let expanded = extracted.expand(&[LABEL], &AES_256_GCM).map_err(Unexpected::new)?;
        expanded.fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut key)).map_err(Unexpected::new)?;
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, key.expose_secret()).map_err(Unexpected::new)?;
        Ok(Self { sealing })
    }

    /// What the key is made of, if it was sealed here and is unharmed.
    pub(crate) fn open(&self, key: &SigningKey) -> Option<Material> {
        let (nonce, sealed) = key.sealed.as_bytes().split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let material = self.sealing.open_in_place(nonce, label(&key.id, key.algorithm), &mut sealed).ok()?;
        let opened: Option<[u8; 32]> = (&*material).try_into().ok();
        material.fill(0);
        opened.map(|material| Material::new(Box::new(material)))
    }

    fn seal(&self, id: &KeyId, algorithm: SigningAlgorithm, material: &Material) -> Result<SealedKey, Unexpected> {
        let mut sealed = material.expose_secret().to_vec();
        let nonce = self.sealing.seal_in_place_append_tag(label(id, algorithm), &mut sealed);
        let nonce = nonce.map_err(Unexpected::new)?;
        Ok(SealedKey::new([&nonce.as_ref()[..], &sealed].concat()))
    }
}

impl KeyVault for Vault {
    fn make(&self, algorithm: SigningAlgorithm) -> Result<NewSigningKey, Unexpected> {
        let id = format!("{:016x}", getrandom::u64().map_err(Unexpected::new)?);
        let id = KeyId::try_from(id).map_err(Unexpected::new)?;
        let mut material = [0; 32];
        getrandom::fill(&mut material).map_err(Unexpected::new)?;
        let sealed = self.seal(&id, algorithm, &Material::new(Box::new(material)))?;
        Ok(NewSigningKey { id, algorithm, sealed })
    }

    fn opens(&self, key: &SigningKey) -> bool {
        self.open(key).is_some()
    }
}

/// No name has a space.
fn label(id: &KeyId, algorithm: SigningAlgorithm) -> Aad<String> {
    Aad::from(format!("{id} {algorithm}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn vault(secret: &str) -> Vault {
        Vault::new(&SecretString::from(secret)).unwrap()
    }

    fn stored(key: NewSigningKey) -> SigningKey {
        let NewSigningKey { id, algorithm, sealed } = key;
        let created_at = chrono::DateTime::UNIX_EPOCH;
        SigningKey { id, algorithm, sealed, created_at, retired_at: None, age: Duration::ZERO }
    }

    #[test]
    fn a_key_opens_with_the_secret_it_was_sealed_with() {
        for algorithm in [SigningAlgorithm::Hs256, SigningAlgorithm::EdDsa] {
            let key = stored(vault("one secret").make(algorithm).unwrap());
            assert!(vault("one secret").opens(&key));
            assert!(!vault("another").opens(&key));
        }
    }

    #[test]
    fn no_two_keys_are_alike() {
        let vault = vault("one secret");
        let [one, two] = [(); 2].map(|()| stored(vault.make(SigningAlgorithm::Hs256).unwrap()));
        assert_ne!(one.id, two.id);
        assert_ne!(vault.open(&one).unwrap().expose_secret(), vault.open(&two).unwrap().expose_secret());
        let material = Material::new(Box::new([7; 32]));
        let [first, second] = [(); 2].map(|()| vault.seal(&one.id, one.algorithm, &material).unwrap());
        assert_ne!(first, second, "a nonce is used once");
    }

    #[test]
    fn s23_what_is_sealed_shows_nothing() {
        let key = stored(vault("one secret").make(SigningAlgorithm::Hs256).unwrap());
        let material = vault("one secret").open(&key).unwrap();
        let sealed = key.sealed.as_bytes();
        assert_eq!(sealed.len(), NONCE_LEN + 32 + 16);
        for shown in material.expose_secret().windows(4) {
            assert!(!sealed.windows(4).any(|window| window == shown));
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let vault = vault("one secret");
        let key = stored(vault.make(SigningAlgorithm::Hs256).unwrap());
        for index in 0..key.sealed.as_bytes().len() {
            let mut bytes = key.sealed.as_bytes().to_vec();
            bytes[index] ^= 1;
            assert!(!vault.opens(&SigningKey { sealed: SealedKey::new(bytes), ..key.clone() }), "byte {index}");
        }
        for length in [0, 11, 12, 28, 59] {
            let sealed = SealedKey::new(key.sealed.as_bytes()[..length].to_vec());
            assert!(!vault.opens(&SigningKey { sealed, ..key.clone() }), "{length} bytes");
        }
        assert!(!vault.opens(&SigningKey { algorithm: SigningAlgorithm::EdDsa, ..key.clone() }));
        let id = KeyId::try_from("another".to_owned()).unwrap();
        assert!(!vault.opens(&SigningKey { id, ..key }));
    }
}
