//! Whoever reads the database or the log can do nothing with it.

use std::fs;

use serde_json::{Value, json};

use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;

#[tokio::test]
async fn no_token_and_no_password_is_stored_or_logged() {
    let installation = Installation::new(Backend::Sqlite).variable("RUST_LOG", "trace");
    let server = installation.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let browser = client.log_in_browser("ada").await;
    let (_, key) = ada.new_key(&["profile:read"]).await;
    let next = client.refreshed(&client.refresh(&ada.refresh_token).await);
    let ticket: Value = next.post("/api/v1/ws-tickets", &json!({})).await.body(201);
    assert_eq!(key.get("/api/v1/me").await.status, 200);
    browser.send(reqwest::Method::GET, "/api/v1/me").await.json();
    client.try_log_in("ada", "a wrong password, typed in haste").await;
    next.post("/api/v1/me/reauth", &json!({"password": PASSWORD})).await;

    let secrets = [
        ada.token(),
        &ada.refresh_token,
        next.token(),
        &next.refresh_token,
        key.token(),
        &key.token()["clq_".len() + 33..],
        browser.cookie.split_once('=').unwrap().1,
        ticket["ticket"].as_str().unwrap(),
        PASSWORD,
        "a wrong password, typed in haste",
    ];
    server.terminate();
    let ended = server.ended().await;
    let log = format!("{}{}", ended.out, ended.err);
    assert!(log.contains("request answered"), "{log}");
    let mut database = Vec::new();
    let path = installation.database().url().trim_start_matches("sqlite://").to_owned();
    for suffix in ["", "-wal"] {
        database.extend(fs::read(format!("{path}{suffix}")).unwrap_or_default());
    }
    assert!(contains(&database, b"ada@example.org"), "the file was read");
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!contains(&database, secret.as_bytes()), "{secret} is in the database");
    }
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}
