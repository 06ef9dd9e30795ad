//! What is long over is removed, and nothing else.

use serde_json::{Value, json};

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(what_is_long_over_goes);

async fn what_is_long_over_goes(backend: Backend) {
    let installation = Installation::new(backend).set("housekeeping.every_seconds", 1);
    let quiet = installation.clone().set("housekeeping.every_seconds", 3600);
    let server = quiet.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let said = ada.ask("My name is Ada.").await;
    let (key, _) = ada.new_key(&["usage:read"]).await;
    ada.delete(&format!("/api/v1/me/api-keys/{key}")).await;
    ada.post("/api/v1/ws-tickets", &json!({})).await.body::<Value>(201);
    ada.post("/api/v1/me/export", &json!({})).await.body::<Value>(202);
    eventually("the export is written", async || {
        let done = "SELECT id AS value FROM exports WHERE status = 'completed'";
        let done =
            if backend == Backend::Postgres { done.replace("id AS", "CAST(id AS text) AS") } else { done.into() };
        installation.database().texts(&done).pop()
    })
    .await;
    ada.log_out().await;
    drop(server);
    let database = installation.database();
    database.age("sessions", "ended_at", 31);
    database.age("api_keys", "revoked_at", 91);
    database.age("tickets", "expires_at", 1);
    database.age("exports", "expires_at", 2);
    let old = if backend == Backend::Postgres { "'2020-01-01'" } else { "0" };
    database.execute(&format!(
        "INSERT INTO audit_events (id, at, kind, ip, user_agent) \
         VALUES ('00000000-0000-7000-8000-000000000000', {old}, 'login.failed', '203.0.113.7', 'old')"
    ));

    let server = quiet.start().await;
    let later = server.client().log_in("ada").await;
    let (good, _) = later.new_key(&["usage:read"]).await;
    later.post("/api/v1/ws-tickets", &json!({})).await.body::<Value>(201);
    drop(server);
    let server = installation.start().await;
    for (table, rows) in
        [("sessions", "1"), ("refresh_tokens", "1"), ("api_keys", "1"), ("exports", "0"), ("export_chunks", "0")]
    {
        let count = format!("SELECT CAST(count(*) AS text) AS value FROM {table}");
        eventually(table, async || (database.texts(&count)[0].as_deref() == Some(rows)).then_some(())).await;
    }
    let clients =
        "SELECT CAST(count(*) AS text) AS value FROM audit_events WHERE user_agent = 'old' OR ip = '203.0.113.7'";
    eventually("an old event has no client", async || {
        (database.texts(clients)[0].as_deref() == Some("0")).then_some(())
    })
    .await;
    let kept = "SELECT CAST(count(*) AS text) AS value FROM audit_events WHERE ip IS NOT NULL";
    assert_ne!(database.texts(kept)[0].as_deref(), Some("0"), "new events keep theirs");
    eventually("the old ticket is gone", async || (database.row_counts()["tickets"] == "1").then_some(())).await;
    let later = later.at(&server);
    assert_eq!(later.get("/api/v1/me").await.status, 200, "what is live stays");
    assert_eq!(later.get("/api/v1/me/api-keys").await.json()["data"][0]["id"], json!(good));
    assert_eq!(later.turns(said.conversation_id).await.len(), 1, "what was said in a session outlives it");
}
