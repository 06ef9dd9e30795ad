//! Logins from elsewhere, and those that come too often.

use reqwest::{Method, Url};

use crate::support::client::{Client, sent};
use crate::support::reply::Reply;

/// Tries to log in through a proxy that says where from.
pub(super) async fn log_in_from(client: &Client, address: &str, name: &str, password: &str) -> Reply {
    let form = Url::parse_with_params("form:", [("username", name), ("password", password)]).unwrap();
    let request = client.request(Method::POST, "/token").body(form.query().unwrap().to_owned());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    sent(request.header("x-forwarded-for", address)).await
}

/// That it is a 429 in the terms of OAuth, with the seconds to wait.
#[track_caller]
pub(super) fn is_throttled_login(reply: &Reply) {
    let body: serde_json::Value = reply.body(429);
    assert_eq!(body["code"], "rate_limited");
    assert_eq!(body["error"], "temporarily_unavailable");
    let retry_after: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(retry_after >= 1);
    assert_eq!(body["retry_after"], retry_after);
}
