//! Tokens that a test can tell: what they hash to says how they begin.

use domain::Unexpected;
use domain::session::{MockOpaqueTokens, OpaqueTokens, TokenHash};
use secrecy::SecretString;

/// 43 characters, as a real one has.
pub(crate) const SECRET: &str = "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJ-01234";

/// Tokens of which each is [`SECRET`], and `r1` follows `r0`.
pub(crate) fn opaque() -> MockOpaqueTokens {
    let mut opaque = MockOpaqueTokens::new();
    opaque.expect_generate().returning(|| Ok(SECRET.into()));
    opaque.expect_successor().withf(|token| token == "r0").returning(|_| SecretString::from("r1"));
    opaque.expect_hash().returning(hash);
    opaque
}

/// Tokens of which there are no more.
pub(crate) fn exhausted() -> MockOpaqueTokens {
    let mut opaque = MockOpaqueTokens::new();
    opaque.expect_generate().returning(|| Err(Unexpected::new("no randomness")));
    opaque.expect_hash().returning(hash);
    opaque
}

/// Differs where the text does: FNV-1a, from eight starts. It need not be a good hash.
pub(crate) fn hash(text: &str) -> TokenHash {
    let mut hash = [0; 32];
    for (start, bytes) in (0u32..).zip(hash.chunks_mut(4)) {
        let word =
            text.bytes().fold(0x811c_9dc5 ^ start, |word, byte| (word ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    TokenHash(hash)
}

/// The same, as a port: for tests that ask it very often.
pub(crate) struct Fnv;

impl OpaqueTokens for Fnv {
    fn generate(&self) -> Result<SecretString, Unexpected> {
        Ok(SECRET.into())
    }

    fn successor(&self, token: &str) -> SecretString {
        SecretString::from(format!("{token}'"))
    }

    fn hash(&self, token: &str) -> TokenHash {
        hash(token)
    }
}
