use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::extract::bearer_token;
use crate::openapi::Unauthenticated;
use crate::services::ApiSettings;

/// Who measures is no user, and has nothing to log in with.
const WANTED: &str = "Send what is configured as metrics.token: Authorization: Bearer followed by it.";

/// What is measured
///
/// In Prometheus' text format, for whoever has the server's `metrics.token`; without such a token there is nothing here.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "operations",
    security(("metrics" = [])),
    responses(
        (status = 200, description = "The measurements", body = String, content_type = "text/plain"),
        Unauthenticated,
        (
            status = 404,
            description = "`not_found`: no token is configured",
            body = crate::error::Problem,
            content_type = "application/problem+json"
        ),
    )
)]
pub(crate) async fn metrics(settings: Data<ApiSettings>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let metrics = settings.metrics.as_ref().ok_or_else(ApiError::not_found)?;
    let sent = bearer_token(&request).map_err(|error| error.saying(WANTED))?;
    // Digests are compared, so that the time it takes tells nothing of the token.
    if Sha256::digest(sent) != Sha256::digest(metrics.token.expose_secret()) {
        return Err(ApiError::invalid_token().saying(WANTED));
    }
    let text = (metrics.render)();
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
