//! A token of one kind is worth nothing where another is wanted.

use crate::support::browser::Browser;
use crate::support::client::{Caller, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn no_kind_of_token_passes_for_another() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let Browser { cookie, .. } = client.log_in_browser("ada").await;
    let cookie = cookie.split_once('=').unwrap().1.to_owned();
    let (_, key) = ada.new_key(&["profile:read"]).await;
    let ticket: Value = ada.post("/api/v1/ws-tickets", &json!({})).await.body(201);
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();

    let not_bearers = [ada.refresh_token.as_str(), &cookie, &ticket, &ada.session_id.to_string()];
    for token in not_bearers {
        client.with_key(token).get("/api/v1/me").await.problem(401, "invalid_token");
    }
    for token in [ada.token(), key.token(), &cookie, &ticket] {
        assert_eq!(client.refresh(token).await.body::<Value>(400)["error"], "invalid_grant");
    }
    let with_cookie = async |value: &str| {
        sent(client.request(Method::GET, "/api/v1/me").header("Cookie", format!("sessid={value}"))).await
    };
    let not_cookies = [ada.token(), &ada.refresh_token, key.token(), &ticket, &ada.session_id.to_string()];
    for token in not_cookies {
        with_cookie(token).await.problem(401, "invalid_token");
    }
    assert_eq!(with_cookie(&cookie).await.status, 200);
    assert_eq!(key.get("/api/v1/me").await.status, 200);
    assert_eq!(Caller::get(&ada, "/api/v1/me").await.status, 200, "none of this cost the session");
}
