use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::id::ApiKeyId;
use crate::session::{OpaqueTokens, TokenHash};

/// A key as it is sent: `clq_<id>_<secret><checksum>`.
///
/// The prefix lets scanners find a key that leaked, the id finds its row, and the checksum tells a mistyped key from one
/// that is wrong without asking the store.
#[derive(Clone, Debug)]
pub struct ApiKeySecret(SecretString);

const PREFIX: &str = "clq_";
/// Hexadecimal digits of the SHA-256 of what comes before.
const CHECKSUM: usize = 8;
/// 256 bits, six to a character.
const SECRET: usize = 43;

impl ApiKeySecret {
    /// Whether a bearer token is meant to be a key. No access token begins like that.
    pub fn looks_like_one(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// The key of that id with that secret.
    pub fn new(id: ApiKeyId, secret: &SecretString, opaque: &dyn OpaqueTokens) -> Self {
        let body = format!("{PREFIX}{}_{}", id.as_uuid().simple(), secret.expose_secret());
        let checksum = checksum(&body, opaque);
        Self(SecretString::from(body + &checksum))
    }

    /// The key, if the text is well-formed and its checksum is right.
    pub fn parse(text: &str, opaque: &dyn OpaqueTokens) -> Option<(ApiKeyId, TokenHash)> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if id.len() != 32 || secret.len() != SECRET + CHECKSUM || !secret.bytes().all(is_alphabet) {
            return None;
        }
        let id = Uuid::try_parse(id).ok()?;
        let (body, sum) = text.split_at_checked(text.len() - CHECKSUM)?;
        (checksum(body, opaque) == sum).then(|| (ApiKeyId::from_uuid(id), opaque.hash(text)))
    }

    /// What is stored of it.
    pub fn hash(&self, opaque: &dyn OpaqueTokens) -> TokenHash {
        opaque.hash(self.0.expose_secret())
    }

    /// The key as it is sent.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn checksum(body: &str, opaque: &dyn OpaqueTokens) -> String {
    let TokenHash([a, b, c, d, ..]) = opaque.hash(body);
    format!("{:0CHECKSUM$x}", u32::from_be_bytes([a, b, c, d]))
}
