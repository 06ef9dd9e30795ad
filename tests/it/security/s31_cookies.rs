//! The cookie of a session is a secret of its own, which no script and no other host can touch.

use reqwest::Method;

use crate::support::client::{PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(a_browser_logs_in_and_out);

async fn a_browser_logs_in_and_out(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let client = server.client();
    client.sign_up("ada").await;
    let reply = client.try_log_in_browser("ada", &[("next", "/c/1?x=2")]).await;
    assert_eq!((reply.status, reply.header("location")), (303, Some("/c/1?x=2")));
    let elsewhere = client.try_log_in_browser("ada", &[("next", "//evil.example")]).await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (303, Some("/")));
    let set = attributes(reply.header("set-cookie").unwrap());
    assert_eq!(set[1..], ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax"]);

    let browser = client.log_in_browser("ada").await;
    assert_eq!(browser.send(Method::GET, "/api/v1/me").await.json()["username"], "ada");
    let out = browser.send(Method::POST, "/logout").await;
    assert_eq!(out.status, 204);
    assert_eq!(attributes(out.header("set-cookie").unwrap())[..3], ["sessid=", "HttpOnly", "Max-Age=0"]);
    browser.send(Method::GET, "/api/v1/me").await.problem(401, "invalid_token");

    let browser = client.log_in_browser("ada").await;
    let out = browser.send(Method::GET, "/logout").await;
    assert_eq!((out.status, out.header("location")), (302, Some("/login")));
    assert!(out.header("set-cookie").unwrap().starts_with("sessid=;"));
    browser.send(Method::GET, "/api/v1/me").await.problem(401, "invalid_token");
    assert_eq!(browser.send(Method::GET, "/logout").await.status, 302, "once more is no error");
    let wrong = client.form_request("/login", &[("username", "ada"), ("password", "wrong horse")]);
    let wrong = sent(wrong.header("Sec-Fetch-Site", "same-origin")).await;
    wrong.problem(401, "invalid_credentials");
    assert_eq!(wrong.header("set-cookie"), None);
}

#[tokio::test]
async fn over_tls_the_cookie_is_the_hosts_alone() {
    let installation = Installation::new(Backend::Sqlite).set("server.public_url", "https://chat.example.org");
    let server = installation.start().await;
    let client = server.client();
    client.sign_up("ada").await;
    let browser = client.log_in_browser("ada").await;
    assert!(browser.cookie.starts_with("__Host-sessid="));
    let reply = client.try_log_in_browser("ada", &[]).await;
    let set = attributes(reply.header("set-cookie").unwrap());
    assert_eq!(set[1..], ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"], "and no Domain");
    assert_eq!(browser.send(Method::GET, "/api/v1/me").await.status, 200);
    let without_prefix = browser.cookie.replace("__Host-", "");
    let request = client.request(Method::GET, "/api/v1/me").header("Cookie", without_prefix);
    sent(request).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn nothing_but_a_login_sets_a_cookie() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    client.sign_up("ada").await;
    assert_eq!(client.try_log_in("ada", PASSWORD).await.header("set-cookie"), None);
    let ada = client.log_in("ada").await;
    for path in ["/api/v1/me", "/chat", "/docs", "/nothing"] {
        assert_eq!(ada.get(path).await.header("set-cookie"), None, "{path}");
    }
}

/// The cookie and then its attributes, in order.
fn attributes(cookie: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = cookie.split("; ").collect();
    parts[1..].sort_unstable();
    parts
}
