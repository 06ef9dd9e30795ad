use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use actix_web::{FromRequest, HttpRequest};
use domain::access::Principal;
use domain::session::AuthenticationService;
use futures_util::future::LocalBoxFuture;
use tracing::Span;

use super::permission::Requires;
use super::{cross_site, registered, session_cookie};
use crate::error::ApiError;
use crate::services::ApiSettings;

/// Whoever makes the request, and may do what `P` stands for. A handler that takes it is reached by such callers only.
///
/// A token or a key is taken from `Authorization: Bearer` (RFC 6750 §2.1) and from nowhere else, never from the URL. Only
/// without that header does the session's cookie count, and then the request must not come from another site.
pub(crate) struct Caller<P>(pub(crate) Principal, PhantomData<P>);

impl<P: Requires> FromRequest for Caller<P> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::allowed(authenticate(&request, cross_site::refuse).await?) })
    }
}

impl<P: Requires> Caller<P> {
    fn allowed(principal: Principal) -> Result<Self, ApiError> {
        Span::current().record("user_id", tracing::field::display(principal.user_id));
        if principal.may(P::PERMISSION) { Ok(Self(principal, PhantomData)) } else { Err(ApiError::forbidden()) }
    }
}

/// The same for a WebSocket, which may also come with a ticket in its subprotocols.
pub(crate) struct SocketCaller<P>(pub(crate) Principal, PhantomData<P>);

/// What the server speaks, and what a ticket is marked with, in `Sec-WebSocket-Protocol`.
pub(crate) const SUBPROTOCOL: &str = "colloquy";
const TICKET: &str = "ticket.";

impl<P: Requires> FromRequest for SocketCaller<P> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let principal = match ticket(&request) {
                Some(ticket) => registered::<AuthenticationService>(&request)?.ticket(&ticket).await?,
                None => authenticate(&request, cross_site::refuse_foreign_origin).await?,
            };
            let Caller(principal, permission) = Caller::<P>::allowed(principal)?;
            Ok(Self(principal, permission))
        })
    }
}

/// Whoever makes the request; `guard` is what a cookie needs besides.
async fn authenticate(
    request: &HttpRequest,
    guard: fn(&HttpRequest) -> Result<(), ApiError>,
) -> Result<Principal, ApiError> {
    let authentication = registered::<AuthenticationService>(request)?;
    if request.headers().contains_key(AUTHORIZATION) {
        return Ok(authentication.bearer(bearer_token(request)?).await?);
    }
    let settings = registered::<ApiSettings>(request)?;
    let cookie = session_cookie::read(request, &settings.browser).ok_or_else(ApiError::unauthenticated)?;
    guard(request)?;
    Ok(authentication.cookie(&cookie).await?)
}

/// What stands in `Authorization: Bearer`.
pub(crate) fn bearer_token(request: &HttpRequest) -> Result<&str, ApiError> {
    let header = request.headers().get(AUTHORIZATION).ok_or_else(ApiError::unauthenticated)?;
    bearer_credentials(header).ok_or_else(ApiError::unauthenticated)
}

/// The token in a value of `Authorization`, if that is of the scheme `Bearer` (RFC 6750 §2.1).
pub fn bearer_credentials(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The ticket among the subprotocols that a client offers. Browsers can set those, but no other header.
fn ticket(request: &HttpRequest) -> Option<String> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find_map(|name| name.trim().strip_prefix(TICKET).map(str::to_owned))
}
