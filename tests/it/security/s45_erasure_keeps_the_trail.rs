//! When an account goes, the audit log keeps its bare id, and nothing else is left of it anywhere.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::PASSWORD;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(erasure_leaves_the_trail_and_nothing_else);

async fn erasure_leaves_the_trail_and_nothing_else(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let client = server.client();
    let name = "ada-of-the-tables";
    let ada = client.newcomer(name).await;
    let id = ada.user_id().await;
    client.try_log_in(name, "wrong horse").await;
    client.refresh(&ada.refresh_token).await;
    client.log_in_browser(name).await;
    let answer = ada.ask(crate::support::client::Question::from("The plover flies.").with_key("plover-key")).await;
    let conversation = json!({"title": "plover title", "system": "plover prompt", "metadata": {"plover": "notes"}});
    ada.post("/api/v1/conversations", &conversation).await.body::<Value>(201);
    ada.new_key(&["usage:read"]).await;
    ada.post("/api/v1/ws-tickets", &json!({})).await.body::<Value>(201);
    ada.post("/api/v1/me/export", &json!({})).await.body::<Value>(202);
    eventually("the export is written", async || {
        let exports = ada.get("/api/v1/me/exports").await.json();
        (exports["data"][0]["status"] == "completed").then_some(())
    })
    .await;
    let traces = [id.to_string(), name.to_owned(), "plover".to_owned(), answer.conversation_id.to_string()];
    let tables = |traces: &[String]| {
        let rows = installation.database().rows();
        let has_any = |row: &String| traces.iter().any(|trace| row.contains(trace.as_str()));
        rows.into_iter().filter(|(_, rows)| rows.iter().any(has_any)).map(|(table, _)| table).collect::<Vec<String>>()
    };
    let before = tables(&traces);
    for table in ["api_keys", "audit_events", "conversations", "exports", "sessions", "tickets", "turns", "users"] {
        assert!(before.iter().any(|found| found == table), "there is something to be seen in {table}: {before:?}");
    }

    let root = client.log_in("root").await;
    let of_ada = format!("/api/v1/admin/audit-events?subject_id={id}&limit=100&order=asc");
    let trail = root.get(&of_ada).await.json()["data"].as_array().unwrap().clone();
    assert_eq!(ada.delete("/api/v1/me").await.json()["complete"], true);
    assert_eq!(tables(&traces), ["audit_events"], "only the trail knows the account");
    assert_eq!(tables(&traces[1..]), Vec::<String>::new(), "and it knows its bare id alone");

    let rows = installation.database().rows();
    for table in ["export_chunks", "idempotency_keys", "turn_pieces", "erasures", "usage"] {
        assert_eq!(rows[table], Vec::<String>::new(), "{table}");
    }

    let mut left = root.get(&of_ada).await.json()["data"].as_array().unwrap().clone();
    let last = left.pop().unwrap();
    assert_eq!(left, trail, "nothing that was written down is gone");
    let text = |field: &str| last[field].as_str().map(str::to_owned);
    assert_eq!(text("kind").as_deref(), Some("user.deleted"));
    let id = Some(id.to_string());
    assert_eq!((text("actor_id"), text("subject_id")), (id.clone(), id));
    assert_eq!((text("session_id"), text("ip").as_deref()), (Some(ada.session_id.to_string()), Some("127.0.0.1")));
    assert!(last["id"].as_str().unwrap().parse::<Uuid>().is_ok());
    assert_eq!(client.try_log_in(name, PASSWORD).await.status, 400);
}
