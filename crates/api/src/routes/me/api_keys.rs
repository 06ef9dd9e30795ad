use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use domain::api_key::{ApiKeyService, CreatedKey, KeyWish};
use domain::page::Order;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::{ApiKey, List};
use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Body, Caller, ListQuery, Validation, client_of, named_id};
use crate::openapi::{Failures, Forbidden, InvalidQuery, JsonBody, ListParameters, Missing, Unauthenticated};

/// What a new key shall be like.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct NewApiKey {
    /// 1 to 100 bytes.
    #[schema(example = "nightly report")]
    name: String,
    /// One or more of `conversations:read`, `conversations:write`, `profile:read`, `usage:read`; for administrators also
    /// `introspect`, `users:read`, `users:write`, `audit:read`.
    #[schema(example = json!(["conversations:read", "conversations:write"]))]
    scopes: Vec<String>,
    /// Until when it can be used, at most 366 days from now; without it 90 days.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewlyMadeKey<'a> {
    #[serde(flatten)]
    key: ApiKey,
    /// The key itself, for `Authorization: Bearer`. It is shown this once.
    secret: &'a str,
}

/// The caller's API keys
///
/// Those that were not revoked, by the time they were made, the newest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/me/api-keys",
    operation_id = "listMyApiKeys",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(ListParameters),
    responses(
        (status = 200, description = "A page", body = List<ApiKey>),
        Unauthenticated,
        Forbidden,
        InvalidQuery,
        Failures,
    )
)]
pub(crate) async fn list(
    caller: Caller<ManageAccount>,
    keys: Data<ApiKeyService>,
    query: ListQuery,
) -> Result<Json<List<ApiKey>>, ApiError> {
    let page = keys.list(&caller.0, query.page(Order::Descending)?).await?;
    Ok(Json(List::new(page, |key| key.id.as_uuid())))
}

/// Make an API key
///
/// The password must have been given within the last five minutes: `POST /api/v1/me/reauth`. The key passes on no more
/// than its scopes and its owner's rights, and a key cannot make keys.
#[utoipa::path(
    post,
    path = "/api/v1/me/api-keys",
    operation_id = "createMyApiKey",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    request_body = NewApiKey,
    responses(
        (status = 201, description = "Made", body = NewlyMadeKey),
        Unauthenticated,
        Forbidden,
        JsonBody,
        Failures,
    )
)]
pub(crate) async fn create(
    caller: Caller<ManageAccount>,
    keys: Data<ApiKeyService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let wish = body.json::<NewApiKey>().await?.into_wish()?;
    let CreatedKey { key, secret } = keys.create(&caller.0, wish, client_of(&request)).await?;
    Ok(HttpResponse::Created().json(NewlyMadeKey { key: key.into(), secret: secret.expose() }))
}

/// Revoke one of the caller's API keys
#[utoipa::path(
    delete,
    path = "/api/v1/me/api-keys/{id}",
    operation_id = "revokeMyApiKey",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which key")),
    responses((status = 204, description = "It is of no use any more"), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn revoke(
    caller: Caller<ManageAccount>,
    keys: Data<ApiKeyService>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    if keys.revoke(&caller.0, named_id(&path)?, client_of(&request)).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::not_found())
    }
}

impl NewApiKey {
    fn into_wish(self) -> Result<KeyWish, ApiError> {
        let mut validation = Validation::default();
        let moment = |text: String| DateTime::parse_from_rfc3339(&text).map(|moment| moment.with_timezone(&Utc));
        let moment = self.expires_at.map(|text| moment(text).map_err(|_| "must be a date and time (RFC 3339)"));
        match validation.optional("/expires_at", moment) {
            Ok(expires_at) => Ok(KeyWish { name: self.name, scopes: self.scopes, expires_at }),
            Err(_) => Err(validation.into_error()),
        }
    }
}
