use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Unexpected;
use domain::session::{OpaqueTokens, TokenHash};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

/// Keeps this use of the server's secret apart from every other.
const LABEL: &[u8] = b"colloquy refresh tokens 1";

/// Tokens out of the system's randomness; what follows one is its HMAC-SHA-256 (RFC 2104) under a key that is derived
/// from the server's secret.
pub struct RandomTokens {
    successors: Key,
}

impl RandomTokens {
    /// Tokens of the server with that secret.
    pub fn new(secret: &[u8]) -> Self {
        let derived = hmac::sign(&Key::new(HMAC_SHA256, secret), LABEL);
        Self { successors: Key::new(HMAC_SHA256, derived.as_ref()) }
    }
}

impl OpaqueTokens for RandomTokens {
    fn generate(&self) -> Result<SecretString, Unexpected> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(Unexpected::new)?;
        Ok(text(random))
    }

    fn successor(&self, token: &str) -> SecretString {
        text(hmac::sign(&self.successors, token.as_bytes()))
    }

    fn hash(&self, token: &str) -> TokenHash {
        TokenHash(Sha256::digest(token).into())
    }
}

fn text(bytes: impl AsRef<[u8]>) -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn tokens_are_random_and_256_bits_long() {
        let tokens = RandomTokens::new(&[7; 32]);
        let (one, other) = (tokens.generate().unwrap(), tokens.generate().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(URL_SAFE_NO_PAD.decode(one.expose_secret()).unwrap().len(), 32);
    }

    #[test]
    fn a_token_has_one_successor_which_only_the_secret_tells() {
        let (here, there) = (RandomTokens::new(&[7; 32]), RandomTokens::new(&[7; 32]));
        let stranger = RandomTokens::new(&[8; 32]);
        let after = |tokens: &RandomTokens, token| tokens.successor(token).expose_secret().to_owned();
        assert_eq!(after(&here, "r0"), after(&there, "r0"), "every replica gives the same");
        assert_ne!(after(&here, "r0"), after(&here, "r1"));
        assert_ne!(after(&here, "r0"), after(&stranger, "r0"));
        assert_ne!(here.hash(&after(&here, "r0")), here.hash("r0"));
    }
}
