//! Another site cannot make a browser do anything here.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;

/// What a browser says of a request from elsewhere.
const FOREIGN: [&[(&str, &str)]; 9] = [
    &[("Sec-Fetch-Site", "cross-site")],
    &[("Sec-Fetch-Site", "same-site")],
    &[("Sec-Fetch-Site", "cross-site"), ("Origin", "OWN")],
    &[("Origin", "https://evil.example")],
    &[("Origin", "null")],
    &[("Origin", "OWN.evil.example")],
    &[("Origin", "")],
    &[("Referer", "OWN/")],
    &[],
];

#[tokio::test]
async fn requests_from_elsewhere_are_refused_and_change_nothing() {
    let installation = Installation::new(Backend::Sqlite);
    let server = installation.start().await;
    let client = server.client();
    client.sign_up("ada").await;
    let browser = client.log_in_browser("ada").await;
    let before = installation.database().row_counts();
    for headers in FOREIGN {
        let from_elsewhere = |mut request: reqwest::RequestBuilder| {
            for (name, value) in headers {
                request = request.header(*name, value.replace("OWN", client.address()));
            }
            request
        };
        let requests = [
            browser.request(Method::POST, "/chat").json(&json!({"question": "Whose is this?"})),
            browser.request(Method::POST, "/api/v1/conversations").json(&json!({})),
            browser.request(Method::DELETE, "/api/v1/me/sessions"),
            browser.request(Method::PATCH, "/api/v1/me").json(&json!({"email": "evil@example.org"})),
            browser.request(Method::POST, "/logout"),
            browser.request(Method::GET, "/logout"),
            client.form_request("/login", &[("username", "ada"), ("password", PASSWORD)]),
        ];
        for request in requests {
            sent(from_elsewhere(request)).await.problem(403, "cross_site");
        }
        // Reading changes nothing, and the answer is not for other sites to see (S34).
        assert_eq!(sent(from_elsewhere(browser.request(Method::GET, "/api/v1/me"))).await.status, 200);
    }
    assert_eq!(installation.database().row_counts(), before);
    assert_eq!(browser.send(Method::GET, "/api/v1/me").await.json()["email"], "ada@example.org");
}

#[tokio::test]
async fn requests_from_here_pass() {
    let installation = Installation::new(Backend::Postgres);
    let server = installation.start().await;
    let client = server.client();
    client.sign_up("ada").await;
    let browser = client.log_in_browser("ada").await;
    let own = client.address().to_owned();
    for headers in [[("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")], [("Origin", own.as_str())]] {
        let (name, value) = headers[0];
        let request = browser.request(Method::POST, "/api/v1/conversations").header(name, value).json(&json!({}));
        assert_eq!(sent(request).await.status, 201, "{headers:?}");
    }
    let public = installation.set("server.public_url", "https://chat.example.org").start().await;
    let login = public.client().form_request("/login", &[("username", "ada"), ("password", PASSWORD)]);
    let login = |origin: &str| login.try_clone().unwrap().header("Origin", origin);
    assert_eq!(sent(login("https://chat.example.org")).await.status, 303);
    for foreign in [public.client().address(), "http://chat.example.org", "https://chat.example.org:444"] {
        sent(login(foreign)).await.problem(403, "cross_site");
    }
}

#[tokio::test]
async fn a_bearer_token_needs_no_origin_and_beats_the_cookie() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    let bob = client.newcomer("bob").await;
    client.sign_up("ada").await;
    let browser = client.log_in_browser("ada").await;
    let request = |token: &str| browser.request(Method::GET, "/api/v1/me").bearer_auth(token);
    assert_eq!(sent(request(bob.token())).await.json()["username"], "bob");
    sent(request("nonsense")).await.problem(401, "invalid_token");
    let made = bob.request(Method::POST, "/api/v1/conversations").header("Origin", "https://evil.example");
    assert_eq!(sent(made.json(&json!({}))).await.status, 201);
}
