//! A password change needs the current one, and ends all other sessions.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(the_current_password_is_needed_and_other_sessions_end, an_administrators_reset_ends_every_session);

const NEW: &str = "an entirely different horse";

async fn the_current_password_is_needed_and_other_sessions_end(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    let laptop = client.newcomer("ada").await;
    let phone = client.log_in("ada").await;
    let browser = client.log_in_browser("ada").await;
    let mut socket = phone.web_socket().await.unwrap();
    let change = async |current: &str, new: &str| {
        laptop.post("/api/v1/me/password", &json!({"current_password": current, "new_password": new})).await
    };

    change("incorrect horse", NEW).await.problem(403, "wrong_password");
    let weak = change(PASSWORD, "password").await.problem(422, "validation_failed");
    assert_eq!(weak.errors[0].pointer, "/new_password");
    laptop.post("/api/v1/me/password", &json!({"new_password": NEW})).await.problem(422, "validation_failed");
    assert_eq!(phone.get("/api/v1/me").await.status, 200, "nothing has changed yet");

    assert_eq!(change(PASSWORD, NEW).await.status, 204);
    assert_eq!(laptop.get("/api/v1/me").await.status, 200, "this session goes on");
    phone.get("/api/v1/me").await.problem(401, "invalid_token");
    browser.send(reqwest::Method::GET, "/api/v1/me").await.problem(401, "invalid_token");
    assert_eq!(client.refresh(&phone.refresh_token).await.status, 400);
    assert_eq!(socket.closed().await, 4401);
    assert_eq!(client.try_log_in("ada", PASSWORD).await.status, 400);
    assert_eq!(client.try_log_in("ada", NEW).await.status, 200);
    let kinds = installation.database().audit_kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "password.changed").count(), 1, "{kinds:?}");
}

async fn an_administrators_reset_ends_every_session(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let root = server.client().log_in("root").await;
    let path = format!("/api/v1/admin/users/{}", ada.user_id().await);
    assert_eq!(root.patch(&path, &json!({"password": NEW})).await.status, 204);
    ada.get("/api/v1/me").await.problem(401, "invalid_token");
    assert_eq!(server.client().try_log_in("ada", NEW).await.status, 200);
}

#[tokio::test]
async fn the_other_replica_knows_within_a_second() {
    let installation = Installation::new(Backend::Postgres);
    let (one, other) = (installation.start().await, installation.start().await);
    let laptop = one.client().newcomer("ada").await;
    let phone = one.client().log_in("ada").await.at(&other);
    assert_eq!(phone.get("/api/v1/me").await.status, 200);
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    assert_eq!(laptop.post("/api/v1/me/password", &change).await.status, 204);
    let changed = Instant::now();
    let mut last_accepted = Duration::ZERO;
    eventually("the other replica refuses the session", async || {
        let asked = changed.elapsed();
        let is_refused = phone.get("/api/v1/me").await.status == 401;
        if !is_refused {
            last_accepted = asked;
        }
        is_refused.then_some(())
    })
    .await;
    assert!(last_accepted <= Duration::from_secs(1), "still accepted after {last_accepted:?}");
}
