//! Every event in the list leaves exactly one row: who, what, whom, when, from where.

use serde_json::{Value, json};

use crate::support::client::{Caller, PASSWORD};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(
    every_event_leaves_one_row,
    events_are_found_page_by_page,
    throttled_logins_are_one_counted_row_for_each_minute,
);

async fn every_event_leaves_one_row(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let client = server.client();
    let mut known = installation.database().audit_kinds();
    assert_eq!(known, ["user.created"]);
    let mut leaves = |kinds: &[&str]| {
        let now = installation.database().audit_kinds();
        let new = now[known.len()..].to_vec();
        assert_eq!(new, kinds);
        known = now;
    };

    client.sign_up("ada").await;
    leaves(&["user.created"]);
    let ada = client.log_in("ada").await;
    leaves(&["login.succeeded"]);
    client.try_log_in("ada", "wrong horse").await;
    leaves(&["login.failed"]);
    client.try_log_in("nobody", PASSWORD).await;
    leaves(&["login.failed"]);
    let root = client.log_in("root").await;
    client.log_in_browser("ada").await;
    leaves(&["login.succeeded", "login.succeeded"]);
    ada.get("/api/v1/me").await;
    ada.ask("My name is Ada.").await;
    client.refresh(&ada.refresh_token).await;
    leaves(&[]);
    ada.post("/api/v1/me/reauth", &json!({"password": PASSWORD})).await;
    leaves(&["session.reauthenticated"]);
    ada.patch("/api/v1/me", &json!({"email": "lovelace@example.org"})).await.json();
    leaves(&["user.profile_changed"]);
    let (key, with_key) = ada.new_key(&["profile:read"]).await;
    leaves(&["api_key.created"]);
    for _ in 0..2 {
        with_key.get("/api/v1/me").await.json();
    }
    leaves(&["api_key.first_used"]);
    ada.delete(&format!("/api/v1/me/api-keys/{key}")).await;
    leaves(&["api_key.revoked"]);
    ada.delete("/api/v1/me/sessions").await.json();
    leaves(&["session.revoked"]);
    ada.delete("/api/v1/me/sessions").await.json();
    leaves(&[]);
    let change = json!({"current_password": PASSWORD, "new_password": "an entirely different horse"});
    ada.post("/api/v1/me/password", &change).await;
    leaves(&["password.changed"]);

    let of_ada = format!("/api/v1/admin/users/{}", ada.user_id().await);
    root.get(&of_ada).await.json();
    root.get(&format!("{of_ada}/sessions")).await.json();
    leaves(&["admin.read", "admin.read"]);
    root.delete(&format!("{of_ada}/sessions")).await.json();
    leaves(&["session.ended_by_admin"]);
    for (change, kind) in [
        (json!({"role": "admin"}), "user.role_changed"),
        (json!({"is_active": false}), "user.disabled"),
        (json!({"is_active": true}), "user.enabled"),
        (json!({"password": PASSWORD}), "password.reset"),
    ] {
        assert_eq!(root.patch(&of_ada, &change).await.status, 204);
        leaves(&[kind]);
    }
    assert_eq!(root.patch(&of_ada, &json!({"role": "admin"})).await.status, 204);
    leaves(&[]);
    root.log_out().await;
    leaves(&["session.logout"]);
    root.get("/api/v1/me").await.problem(401, "invalid_token");
    leaves(&[]);
}

async fn throttled_logins_are_one_counted_row_for_each_minute(backend: Backend) {
    let installation = Installation::new(backend).limited().set("rate_limit.account_backoff", false);
    let server = installation.start().await;
    let client = server.client();
    let mut throttled = 0;
    for _ in 0..40 {
        throttled += i64::from(client.try_log_in("ada", "wrong horse").await.status == 429);
    }
    assert!(throttled >= 20, "{throttled}");
    let counted =
        "SELECT CAST(count AS text) AS value FROM audit_events WHERE kind = 'login.throttled' AND ip = '127.0.0.1'";
    eventually("all of them are counted", async || {
        let rows = installation.database().texts(counted);
        let sum: i64 = rows.iter().flatten().map(|count| count.parse::<i64>().unwrap()).sum();
        assert!(rows.len() <= 2, "a minute may have ended meanwhile: {rows:?}");
        (sum == throttled).then_some(())
    })
    .await;
}

async fn events_are_found_page_by_page(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let client = server.client();
    client.sign_up("ada").await;
    for _ in 0..5 {
        client.try_log_in("ada", "wrong horse").await;
    }
    let root = client.log_in("root").await;
    let ada = client.log_in("ada").await;
    let events = async |query: &str| -> Value { root.get(&format!("/api/v1/admin/audit-events{query}")).await.json() };
    let about_ada = format!("subject_id={}", ada.user_id().await);
    let failed = events(&format!("?kind=login.failed&{about_ada}&limit=3")).await;
    assert_eq!((failed["data"].as_array().unwrap().len(), &failed["has_more"]), (3, &json!(true)));
    let rest = events(&format!("?kind=login.failed&{about_ada}&after={}", failed["last_id"].as_str().unwrap())).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (2, &json!(false)));
    let one = &failed["data"][0];
    assert_eq!((&one["actor_id"], &one["ip"], &one["count"]), (&Value::Null, &json!("127.0.0.1"), &json!(1)), "{one}");
    let since = one["at"].as_str().unwrap();
    let logins = events(&format!("?since={}&kind=login.succeeded", since.replace('+', "%2B"))).await;
    assert_eq!(logins["data"].as_array().unwrap().len(), 2);
    let by_ada = events(&format!("?actor_id={}&order=asc", ada.user_id().await)).await;
    assert_eq!(by_ada["data"][0]["session_id"], json!(ada.session_id));
    for (query, pointer) in [("?kind=x", "/kind"), ("?since=x", "/since"), ("?actor_id=x", "/actor_id"), ("?x=1", "/x")]
    {
        let refused = root.get(&format!("/api/v1/admin/audit-events{query}")).await;
        assert_eq!(refused.problem(422, "validation_failed").errors[0].pointer, pointer);
    }
    Caller::get(&ada, "/api/v1/admin/audit-events").await.problem(403, "forbidden");
}
