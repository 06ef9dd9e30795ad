use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use domain::Unexpected;
use domain::signing::{KeyId, PublicKey, SigningAlgorithm};
use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::vault::Material;

/// The type of an access token (RFC 9068 §2.1).
const TYPE: &str = "at+jwt";

/// A key that was opened, ready to sign and to verify.
pub(crate) struct Key {
    id: KeyId,
    header: Header,
    encoded_header: String,
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
    point: Option<[u8; 32]>,
}

impl Key {
    /// The key of that material.
    pub(crate) fn new(id: KeyId, algorithm: SigningAlgorithm, material: &Material) -> Result<Self, Unexpected> {
        let secret = material.expose_secret();
        let (algorithm, signing, checking, point) = match algorithm {
            SigningAlgorithm::Hs256 => {
                (Algorithm::HS256, EncodingKey::from_secret(secret), DecodingKey::from_secret(secret), None)
            }
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_unchecked(secret).map_err(Unexpected::new)?;
                let signing = EncodingKey::from_ed_der(pair.to_pkcs8().map_err(Unexpected::new)?.as_ref());
                let point: [u8; 32] = pair.public_key().as_ref().try_into().map_err(Unexpected::new)?;
                (Algorithm::EdDSA, signing, DecodingKey::from_ed_der(&point), Some(point))
            }
        };
        let mut header = Header::new(algorithm);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(id.as_str().to_owned());
        let token = jsonwebtoken::encode(&header, &(), &signing).map_err(Unexpected::new)?;
        let encoded_header = token.split('.').next().unwrap_or_default().to_owned();
        Ok(Self { id, header, encoded_header, signing, checking, validation: signature_only(algorithm), point })
    }

    /// What every token of this key begins with, and no token of another.
    pub(crate) fn encoded_header(&self) -> &str {
        &self.encoded_header
    }

    /// A token that says this.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }

    /// What a token says, if this key has signed it.
    pub(crate) fn read<Claims: DeserializeOwned>(&self, token: &str) -> Result<Claims, Error> {
        jsonwebtoken::decode(token, &self.checking, &self.validation).map(|token| token.claims)
    }

    /// What others verify with, if they can.
    pub(crate) fn public(&self) -> Option<PublicKey> {
        self.point.map(|point| PublicKey { id: self.id.clone(), point })
    }
}

/// Claims are judged by the issuer: the library takes lists where one value is meant, and looks at its own clock.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}
