//! Signing by hand, as no library would.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What signs.
pub(super) struct Pen {
    /// The algorithm, as a header names it.
    pub(super) alg: &'static str,
    ink: Ink,
}

enum Ink {
    Hmac(Box<hmac::Key>),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
}

impl Pen {
    pub(super) fn hmac(alg: &'static str, secret: &[u8]) -> Self {
        let algorithm = match alg {
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        Self { alg, ink: Ink::Hmac(Box::new(hmac::Key::new(algorithm, secret))) }
    }

    pub(super) fn ed25519(seed: &[u8; 32]) -> Self {
        Self { alg: "EdDSA", ink: Ink::Ed25519(Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed")) }
    }

    fn rsa(alg: &'static str, padding: &'static dyn RsaEncoding) -> Self {
        Self { alg, ink: Ink::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), padding) }
    }

    fn ecdsa(alg: &'static str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self { alg, ink: Ink::Ecdsa(EcdsaKeyPair::generate(algorithm).expect("a key")) }
    }

    /// The pens of a stranger: a key of their own for every algorithm.
    pub(super) fn of_a_stranger() -> Vec<Self> {
        vec![
            Self::hmac("HS256", b"what a stranger would take for it"),
            Self::hmac("HS384", b"what a stranger would take for it"),
            Self::hmac("HS512", b"what a stranger would take for it"),
            Self::ed25519(&[42; 32]),
            Self::rsa("RS256", &RSA_PKCS1_SHA256),
            Self::rsa("PS256", &RSA_PSS_SHA256),
            Self::ecdsa("ES256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            Self::ecdsa("ES384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        ]
    }

    /// The bytes of the public key, if others could verify.
    pub(super) fn public(&self) -> Option<Vec<u8>> {
        match &self.ink {
            Ink::Hmac(_) => None,
            Ink::Ed25519(pair) => Some(pair.public_key().as_ref().to_vec()),
            Ink::Rsa(pair, _) => Some(pair.public_key().as_ref().to_vec()),
            Ink::Ecdsa(pair) => Some(pair.public_key().as_ref().to_vec()),
        }
    }

    /// The same in other clothes: as X.509 has it.
    pub(super) fn der(&self) -> Option<Vec<u8>> {
        let Ink::Ed25519(pair) = &self.ink else { return None };
        Some(pair.public_key().as_der().expect("a public key").as_ref().to_vec())
    }

    pub(super) fn token(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = encoded(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.ink {
            Ink::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Ink::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Ink::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Ink::Ecdsa(pair) => {
                let signature: signature::Signature = pair.sign(&random, message).expect("a signature");
                signature.as_ref().to_vec()
            }
        }
    }
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
