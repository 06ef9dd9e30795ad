//! The cookie of a browser's session: a secret of its own, never a token and never an id.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use secrecy::{ExposeSecret as _, SecretString};

use crate::services::Browser;

/// What the cookie says, if the request has one.
pub(crate) fn read(request: &HttpRequest, browser: &Browser) -> Option<String> {
    request.cookie(name(browser)).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
}

/// The cookie of a session that lasts so long.
pub(crate) fn of(secret: &SecretString, lifetime: std::time::Duration, browser: &Browser) -> Cookie<'static> {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    build(secret.expose_secret().to_owned(), CookieDuration::seconds(seconds), browser)
}

/// What makes a browser forget the cookie.
pub(crate) fn cleared(browser: &Browser) -> Cookie<'static> {
    build(String::new(), CookieDuration::ZERO, browser)
}

/// Over TLS no other host, and nothing without TLS, can set a cookie of that name (RFC 6265bis §4.1.3.2).
fn name(browser: &Browser) -> &'static str {
    if browser.is_secure() { "__Host-sessid" } else { "sessid" }
}

fn build(value: String, max_age: CookieDuration, browser: &Browser) -> Cookie<'static> {
    Cookie::build(name(browser), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(browser.is_secure())
        .max_age(max_age)
        .finish()
}
