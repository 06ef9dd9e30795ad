//! Other services verify tokens with what `/.well-known/jwks.json` says, and with a library of their own.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::database::Backend;
use crate::support::installation::Installation;

const JWKS: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn a_token_of_eddsa_verifies_with_the_published_key() {
    let server = Installation::new(Backend::Sqlite).set("auth.algorithm", "EdDSA").start().await;
    let ada = server.client().newcomer("ada").await;
    let published = server.client().get(JWKS).await;
    assert_eq!(published.header("cache-control"), Some("public, max-age=60"));
    let keys: JwkSet = published.body(200);
    let key = keys.find(&decode_header(ada.token()).unwrap().kid.unwrap()).unwrap();

    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["colloquy"]);
    validation.set_audience(&["colloquy"]);
    let token = decode::<Value>(ada.token(), &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap();
    assert_eq!(token.claims["username"], "ada");
    assert_eq!(token.claims["session_id"], json!(ada.session_id));
    assert!(token.claims.get("role").is_none(), "rights are not in a token");
}

#[tokio::test]
async fn a_secret_key_is_not_published() {
    let server = Installation::new(Backend::Sqlite).start().await;
    assert_eq!(server.client().get(JWKS).await.json(), json!({"keys": []}));
}
