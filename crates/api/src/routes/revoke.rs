use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::session::IntrospectionService;
use secrecy::ExposeSecret as _;
use utoipa::ToSchema;

use crate::error::{ApiError, TokenProblem};
use crate::extract::{Body, Form, MediaType, client_of};

/// The form of a revocation (RFC 7009 §2.1) and of an introspection (RFC 7662 §2.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form; the handlers read it")]
pub(crate) struct TokenToLookUp {
    /// An access token, a refresh token or an API key.
    token: String,
    /// Accepted and not used: what kind of token it is can be seen.
    token_type_hint: Option<String>,
}

/// Take a token out of use
///
/// Ends the session of an access or a refresh token, or revokes an API key (RFC 7009). Whoever has a token may do so; one
/// that is not known, or not valid any more, is no error.
#[utoipa::path(
    post,
    path = "/revoke",
    operation_id = "revokeToken",
    tag = "accounts",
    request_body(content = TokenToLookUp, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is of no use any more"),
        (status = 400, description = "`invalid_request`: `token` is missing", body = TokenProblem),
        (status = 408, description = "The body did not come in time", body = TokenProblem),
        (status = 413, description = "The body is too large", body = TokenProblem),
        (status = 415, description = "The body is no form", body = TokenProblem),
        (status = 500, description = "Internal error", body = TokenProblem),
        (status = 503, description = "The store is not available", body = TokenProblem),
    )
)]
pub(crate) async fn revoke(
    introspection: Data<IntrospectionService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    revoked(&introspection, &request, body).await.map_err(ApiError::in_oauth_terms)
}

async fn revoked(
    introspection: &IntrospectionService,
    request: &HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let token = Form::parse(&body.read(MediaType::Form).await?)?.require_secret("token")?;
    introspection.revoke(token.expose_secret(), client_of(request)).await?;
    Ok(HttpResponse::Ok().finish())
}
