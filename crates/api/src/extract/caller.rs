use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use domain::session::{AuthenticationService, Principal};
use futures_util::future::LocalBoxFuture;
use tracing::Span;

use super::registered;
use crate::error::ApiError;

/// Whoever makes the request. A handler that takes it is reached by authenticated callers only.
///
/// The token is taken from `Authorization: Bearer` (RFC 6750 §2.1) and from nowhere else: never from the URL.
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let token = bearer_token(&request)?;
            let authentication = registered::<AuthenticationService>(&request)?;
            let principal = authentication.authenticate(token).await?;
            Span::current().record("user_id", tracing::field::display(principal.user_id));
            Ok(Self(principal))
        })
    }
}

/// What stands in `Authorization: Bearer`.
pub(crate) fn bearer_token(request: &HttpRequest) -> Result<&str, ApiError> {
    let header = request.headers().get(AUTHORIZATION).ok_or_else(ApiError::unauthenticated)?;
    let (scheme, token) = header.to_str().unwrap_or_default().split_once(' ').unwrap_or_default();
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(ApiError::unauthenticated())
    }
}
