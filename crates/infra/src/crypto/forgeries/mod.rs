//! Every known way to forge an access token, for tests of whoever verifies them (RFC 8725 has most of them).
//!
//! [`forgeries`] makes them out of a live token and of the keys that are in force: some as a stranger would who knows
//! no key, some with the very key that signs, so that nothing but the rule in question can refuse them.
#![expect(clippy::expect_used, reason = "a forgery that cannot be made is a test that fails")]

mod claims;
mod damage;
mod headers;
mod pen;
mod strangers;

use domain::signing::{KeyId, SigningAlgorithm, SigningKey};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Vault;
use pen::{Pen, decoded, encoded};

/// A token that must be refused.
#[derive(Clone, Debug)]
pub struct Forgery {
    /// What is wrong with it.
    pub how: String,
    /// The token.
    pub token: String,
}

/// What is to be forged.
pub struct Target {
    /// A live token.
    pub genuine: String,
    /// The keys in force.
    pub keys: Vec<OpenKey>,
    /// What somebody might take for the secret of HS256, and what it is.
    pub guesses: Vec<(&'static str, Vec<u8>)>,
}

/// A key in force that has been opened.
pub struct OpenKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    pen: Pen,
}

impl OpenKey {
    /// The key, if the vault opens it.
    pub fn open(key: &SigningKey, vault: &Vault) -> Option<Self> {
        let material = vault.open(key)?;
        let material = material.expose_secret();
        let pen = match key.algorithm {
            SigningAlgorithm::Hs256 => Pen::hmac("HS256", material),
            SigningAlgorithm::EdDsa => Pen::ed25519(material),
        };
        Some(Self { id: key.id.clone(), algorithm: key.algorithm, pen })
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The header of its tokens.
    fn header(&self) -> Value {
        serde_json::json!({"typ": "at+jwt", "alg": self.algorithm.as_str(), "kid": self.id.as_str()})
    }

    /// A token with its signature, whatever is in it.
    fn token(&self, header: &str, claims: &str) -> String {
        self.pen.token(header, claims)
    }

    /// A token with its header and its signature.
    pub fn sign(&self, claims: &str) -> String {
        // In the order in which the issuer has them: it compares the header byte for byte.
        let Self { id, algorithm, .. } = self;
        self.token(&format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"{id}"}}"#), claims)
    }
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).map(decoded).expect("a token has claims");
    serde_json::from_slice(&claims).expect("claims are JSON")
}

/// All forgeries.
pub fn forgeries(target: &Target) -> Vec<Forgery> {
    let mut forgeries = Vec::new();
    let mut forge = |how: String, token: String| forgeries.push(Forgery { how, token });
    damage::forge(target, &mut forge);
    strangers::forge(target, &mut forge);
    for key in &target.keys {
        headers::forge(key, &claims(&target.genuine), &mut forge);
        claims::forge(key, &claims(&target.genuine), &mut forge);
    }
    // Another key's token, damaged, may be the token again that it was made of.
    forgeries.retain(|forgery| forgery.token != target.genuine);
    forgeries
}
