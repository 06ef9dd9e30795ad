//! API keys: nothing is one but what its checksum says.

use domain::api_key::ApiKeySecret;
use domain::id::ApiKeyId;
use domain::session::OpaqueTokens;
use infra::crypto::RandomTokens;
use secrecy::SecretString;
use uuid::Uuid;

/// A key that is always the same, as the corpus has it.
pub fn made() -> String {
    let id = ApiKeyId::from_uuid(Uuid::from_u128(0x0189_0f5e_6c1f_7cc2_98c4_dc0c_0c07_398f));
    ApiKeySecret::new(id, &SecretString::from("a".repeat(43)), &tokens()).expose().to_owned()
}

/// Tries the bytes as a key.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let tokens = tokens();
    let Some((id, hash)) = ApiKeySecret::parse(text, &tokens) else {
        assert_ne!(text, made(), "a key that was made is refused");
        return;
    };
    assert!(ApiKeySecret::looks_like_one(text), "{text:?}");
    assert_eq!(hash, tokens.hash(text));
    let secret = &text["clq_".len() + 33..text.len() - 8];
    let again = ApiKeySecret::new(id, &SecretString::from(secret.to_owned()), &tokens);
    assert!(again.expose().eq_ignore_ascii_case(text), "the id and the secret make up the key: {text:?}");
}

fn tokens() -> RandomTokens {
    RandomTokens::new(&[7; 32])
}
