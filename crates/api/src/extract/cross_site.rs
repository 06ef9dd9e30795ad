//! Requests that another site makes a browser send (CSRF): refused by what the browser itself says of them.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HOST, ORIGIN};

use super::registered;
use crate::error::{ApiError, ErrorCode};
use crate::services::ApiSettings;

/// Refuses a request that changes something and does not come from this very origin.
///
/// A browser says where a request comes from in `Sec-Fetch-Site` (Fetch Metadata), or at least in `Origin` (RFC 6454). One
/// that says neither is refused.
pub(crate) fn refuse(request: &HttpRequest) -> Result<(), ApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    refuse_foreign(request)
}

/// The same for a request that changes something although it is a GET.
pub(crate) fn refuse_foreign(request: &HttpRequest) -> Result<(), ApiError> {
    match header(request, "sec-fetch-site") {
        Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(foreign()),
        None => refuse_foreign_origin(request),
    }
}

/// Refuses a request whose `Origin` is missing, or is not this one.
pub(crate) fn refuse_foreign_origin(request: &HttpRequest) -> Result<(), ApiError> {
    let origin = header(request, ORIGIN.as_str()).ok_or_else(foreign)?;
    let own = registered::<ApiSettings>(request)?.browser.public_origin.as_deref();
    let is_own = match own {
        Some(own) => own == origin,
        None => header(request, HOST.as_str()).is_some_and(|host| origin.strip_prefix("http://") == Some(host)),
    };
    if is_own { Ok(()) } else { Err(foreign()) }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

fn foreign() -> ApiError {
    let detail = "The request comes from another site, or does not say where it comes from.";
    ApiError::new(ErrorCode::CrossSite, detail)
}
