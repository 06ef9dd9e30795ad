//! S26: no credential is taken from a URL, and one that is there anyhow is in no log.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::sent;
use crate::support::database::Backend;
use crate::support::installation::Installation;

#[tokio::test]
async fn s26_a_token_in_the_url_counts_for_nothing_and_is_not_logged() {
    // Everything is logged that anything in the process can say.
    let installation = Installation::new(Backend::Sqlite).set("log.filter", "trace").set("log.format", "json");
    let server = installation.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let authorization = ada.authorization();
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let document: Value = client.get("/openapi.json").await.json();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["security"].as_array().is_none_or(Vec::is_empty) || path == "/metrics" {
                continue;
            }
            let path = path.replace("{id}", &Uuid::now_v7().to_string());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            for name in ["token", "access_token", "Authorization", "bearer", "api_key"] {
                let request = client.request(method.clone(), &format!("{path}?{name}={token}"));
                sent(request.json(&json!({"question": "Why?"}))).await.problem(401, "unauthenticated");
                tried += 1;
            }
        }
    }
    assert!(tried >= 50, "only {tried} were tried");
    // Nor in a cookie that only looks like one, and not in the user's part of a URL.
    for (name, value) in [("cookie", format!("token={token}")), ("authorization", format!("Basic {token}"))] {
        sent(client.request(Method::GET, "/api/v1/me").header(name, value)).await.problem(401, "unauthenticated");
    }
    server.terminate();
    let log = server.ended().await.err;
    assert!(log.lines().count() > tried, "the log says something of each request");
    for secret in [token, token.rsplit('.').next().unwrap()] {
        let told = log.lines().find(|line| line.contains(secret));
        assert_eq!(told, None, "the log has the token");
    }
}
