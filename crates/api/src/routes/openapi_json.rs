use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;

use crate::error::ApiError;
use crate::openapi::openapi;

static DOCUMENT: LazyLock<Result<Bytes, String>> =
    LazyLock::new(|| openapi().to_json().map(Bytes::from).map_err(|error| error.to_string()));

/// The `OpenAPI` document of this server
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApi",
    tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(crate) async fn openapi_json() -> Result<HttpResponse, ApiError> {
    let document = DOCUMENT.as_ref().map_err(|error| ApiError::internal().because(error.as_str()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(document.clone()))
}
