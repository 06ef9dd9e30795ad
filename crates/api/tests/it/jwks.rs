use actix_web::test::TestRequest;
use domain::signing::{KeyId, PublicKey};
use serde_json::json;

use crate::harness::{Ports, Reply};

async fn jwks(keys: Vec<PublicKey>) -> Reply {
    let mut ports = Ports::untouched();
    ports.published_keys.expect_published().once().return_once(move || keys);
    ports.server().send(TestRequest::get().uri("/.well-known/jwks.json")).await
}

/// The key of RFC 8037, appendix A.2.
#[actix_web::test]
async fn public_keys_are_published_as_the_standard_has_them() {
    let point = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1,
        0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];
    let id = KeyId::try_from("9f86d081884c7d65".to_owned()).unwrap();
    let reply = jwks(vec![PublicKey { id, point }]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "9f86d081884c7d65", "x": x});
    assert_eq!(reply.json(), json!({"keys": [key]}));
}

#[actix_web::test]
async fn where_nothing_is_public_the_set_is_empty() {
    assert_eq!(jwks(Vec::new()).await.json(), json!({"keys": []}));
}
