use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::signing::{PublicKey, PublishedKeys};
use serde::Serialize;
use utoipa::ToSchema;

/// A set of keys (RFC 7517 §5).
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwks {
    keys: Vec<Jwk>,
}

/// A public key of Ed25519 (RFC 8037 §2).
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwk {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// The `kid` of the tokens that it verifies.
    #[schema(example = "9f86d081884c7d65")]
    kid: String,
    /// The public key, in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            usage: "sig",
            alg: "EdDSA",
            kid: key.id.to_string(),
            x: URL_SAFE_NO_PAD.encode(key.point),
        }
    }
}

/// The public keys that verify access tokens
///
/// For other services that take the tokens of this one; a key that is not in the set any more verifies nothing. The set
/// is empty where tokens are signed with HS256 only.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getJwks",
    tag = "accounts",
    responses((status = 200, description = "The keys", body = Jwks))
)]
pub(crate) async fn jwks(keys: Data<dyn PublishedKeys>) -> HttpResponse {
    let keys = keys.published().into_iter().map(Jwk::from).collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=60")).json(Jwks { keys })
}
