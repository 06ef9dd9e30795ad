//! S34: pages of listed origins may use the API, those of no other.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;

const LISTED: [&str; 2] = ["https://good.example.org", "http://localhost:5173"];
/// Whoever compares carelessly takes one of these for a listed one.
const FOREIGN: [&str; 13] = [
    "https://evil.example",
    "null",
    "",
    "*",
    "http://good.example.org",
    "https://good.example.org.evil.example",
    "https://good.example.org:8443",
    "https://good.example.org:443",
    "https://good.example.org/",
    "https://GOOD.example.org",
    "https://evilgood.example.org",
    "https://good.example.org https://evil.example",
    "http://localhost:51730",
];

async fn ask(client: &Client, method: Method, path: &str, origin: &str) -> Reply {
    sent(client.request(method, path).header("origin", origin)).await
}

async fn preflight(client: &Client, path: &str, origin: &str) -> Reply {
    let request = client.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    sent(request.header("access-control-request-headers", "authorization,content-type")).await
}

#[track_caller]
fn assert_nothing_is_allowed(reply: &Reply, origin: &str) {
    let told = reply.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
    assert!(told.is_none(), "{origin:?}: {reply:?}");
}

fn words<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    reply.header(name).unwrap_or_default().split(", ").collect()
}

#[tokio::test]
async fn s34_no_origin_is_allowed_by_default() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    for origin in LISTED.iter().chain(&FOREIGN) {
        assert_nothing_is_allowed(&ask(&client, Method::GET, "/version", origin).await, origin);
        let refused = preflight(&client, "/chat", origin).await;
        refused.problem(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), Some("POST"));
        assert_nothing_is_allowed(&refused, origin);
    }
}

#[tokio::test]
async fn s34_only_listed_origins_are_allowed() {
    let server = Installation::new(Backend::Sqlite).set("server.cors_origins", LISTED.join(",")).start().await;
    let client = server.client();
    for origin in FOREIGN {
        for path in ["/version", "/nowhere", "/api/v1/me", "/healthz"] {
            let reply = ask(&client, Method::GET, path, origin).await;
            assert_nothing_is_allowed(&reply, origin);
            assert_eq!(words(&reply, "vary"), ["Origin"], "{path}");
        }
        let refused = preflight(&client, "/chat", origin).await;
        refused.problem(405, "method_not_allowed");
        assert_nothing_is_allowed(&refused, origin);
    }
    let twice = client.request(Method::GET, "/version").header("origin", LISTED[0]).header("origin", FOREIGN[0]);
    assert_nothing_is_allowed(&sent(twice).await, "two at once");
    assert_nothing_is_allowed(&client.get("/version").await, "none");
}

#[tokio::test]
async fn s34_a_listed_origin_may_send_and_read_what_the_api_needs() {
    let server = Installation::new(Backend::Sqlite).set("server.cors_origins", LISTED.join(",")).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    for origin in LISTED {
        // What was found, what is missing and what needs a token: an error is to be read as well.
        for (path, status) in [("/version", 200), ("/nowhere", 404), ("/api/v1/me", 401)] {
            assert_readable(&ask(&client, Method::GET, path, origin).await, status, origin);
        }
        let question = ada.request(Method::POST, "/chat").header("origin", origin).json(&json!({"question": "Why?"}));
        assert_readable(&sent(question).await, 200, origin);
        let allowed = preflight(&client, "/chat", origin).await;
        assert_readable(&allowed, 204, origin);
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            assert!(words(&allowed, "access-control-allow-methods").contains(&method), "{allowed:?}");
        }
        for name in ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"] {
            assert!(words(&allowed, "access-control-allow-headers").contains(&name), "{allowed:?}");
        }
        // An OPTIONS that asks for no method is no preflight.
        ask(&client, Method::OPTIONS, "/chat", origin).await.problem(405, "method_not_allowed");
    }
}

#[track_caller]
fn assert_readable(reply: &Reply, status: u16, origin: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{reply:?}");
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert!(words(reply, "vary").contains(&"Origin"), "{reply:?}");
    let readable = words(reply, "access-control-expose-headers");
    for name in ["X-Request-Id", "RateLimit", "Retry-After", "Location", "ETag", "Idempotent-Replayed"] {
        assert!(readable.contains(&name), "{name}: {readable:?}");
    }
}

#[tokio::test]
async fn s34_a_list_that_would_let_anybody_in_is_refused_at_the_start() {
    for (list, rule) in [
        ("*", "every page of the web"),
        ("null", "must not be `null`"),
        ("https://a.example,https://*.example.org", "server.cors_origins[1]"),
        ("https://a.example/", "must be like https://app.example.org"),
    ] {
        let refused = Installation::new(Backend::Sqlite).set("server.cors_origins", list).run(&["serve"]).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains(rule), "{list}: {}", refused.err);
        assert!(refused.err.contains("where: environment variable COLLOQUY__SERVER__CORS_ORIGINS"), "{}", refused.err);
    }
}
