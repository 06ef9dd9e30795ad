use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::session::{Introspection, IntrospectionService, TokenKind};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::revoke::TokenToLookUp;
use crate::error::{ApiError, TokenProblem};
use crate::extract::permission::IntrospectTokens;
use crate::extract::{Body, Caller, Form, MediaType};
use crate::openapi::{Forbidden, Unauthenticated};

/// What a token is worth (RFC 7662 §2.2). Of one that is worth nothing only `active` is told.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct TokenWorth {
    /// Whether it can be used.
    active: bool,
    /// `access_token`, `refresh_token` or `api_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "access_token")]
    token_type: Option<&'static str>,
    /// What it passes on, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada")]
    username: Option<String>,
    /// The session it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Uuid>,
    /// When it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// Until when it can be used, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

impl From<Introspection> for TokenWorth {
    fn from(token: Introspection) -> Self {
        Self {
            active: true,
            token_type: Some(match token.kind {
                TokenKind::Access => "access_token",
                TokenKind::Refresh => "refresh_token",
                TokenKind::ApiKey => "api_key",
            }),
            scope: token.scopes.map(|scopes| scopes.to_string()),
            sub: Some(token.user_id.as_uuid()),
            username: Some(token.username.to_string()),
            session_id: token.session_id.map(domain::id::SessionId::as_uuid),
            iat: token.issued_at.map(|moment| moment.timestamp()),
            exp: Some(token.expires_at.timestamp()),
        }
    }
}

/// Ask what a token is worth
///
/// For administrators, and for API keys with the scope `introspect` (RFC 7662).
#[utoipa::path(
    post,
    path = "/introspect",
    operation_id = "introspectToken",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    request_body(content = TokenToLookUp, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is worth", body = TokenWorth),
        Unauthenticated,
        Forbidden,
        (status = 400, description = "`invalid_request`: `token` is missing", body = TokenProblem),
        (status = 408, description = "The body did not come in time", body = TokenProblem),
        (status = 413, description = "The body is too large", body = TokenProblem),
        (status = 415, description = "The body is no form", body = TokenProblem),
        (status = 500, description = "Internal error", body = TokenProblem),
        (status = 503, description = "The store is not available", body = TokenProblem),
    )
)]
pub(crate) async fn introspect(
    _caller: Caller<IntrospectTokens>,
    introspection: Data<IntrospectionService>,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    worth(&introspection, body).await.map_err(ApiError::in_oauth_terms)
}

async fn worth(introspection: &IntrospectionService, body: Body) -> Result<HttpResponse, ApiError> {
    let token = Form::parse(&body.read(MediaType::Form).await?)?.require_secret("token")?;
    let worth = introspection.introspect(token.expose_secret()).await?;
    Ok(HttpResponse::Ok().json(worth.map_or_else(TokenWorth::default, TokenWorth::from)))
}
