//! What somebody exports is what is stored about them: all of it, nothing of anybody else, and no secret.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Caller, PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(
    an_export_is_what_was_said,
    an_export_of_many_pieces_is_whole,
    a_foreign_export_is_missing,
    an_export_that_a_crash_cut_off_has_failed,
);

const HARD: &str =
    "\t'; DROP TABLE turns; -- \"x\" \\u0000 \u{7f}\u{85}\r\n e\u{301} 👩\u{200d}👧 \u{2028} </script> 𝕊 {\"a\":[";

async fn an_export_is_what_was_said(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    client.newcomer("bob").await.ask("Bob was here.").await;
    let ada = client.newcomer("ada").await;
    let phone = client.log_in("ada").await;
    phone.log_out().await;
    let (_, key) = ada.new_key(&["conversations:read"]).await;
    let (revoked, _) = ada.new_key(&["usage:read"]).await;
    ada.delete(&format!("/api/v1/me/api-keys/{revoked}")).await;
    let said = ada.ask(HARD).await;
    ada.ask("Who am I?").await;
    let [put_away, expired] = ada.new_conversations(2).await[..] else { panic!("two conversations") };
    for conversation in [put_away, expired] {
        ada.ask(crate::support::client::Question::from("Where?").in_conversation(conversation)).await;
    }
    let mut turns = Vec::new();
    for conversation in [said.conversation_id, put_away, expired] {
        let page = ada.get(&format!("/api/v1/conversations/{conversation}/turns")).await.json();
        turns.extend(page["data"].as_array().unwrap().clone());
    }
    let database = installation.database();
    database.execute(&format!("UPDATE conversations SET archived = true WHERE id = '{put_away}'"));
    let zero = if backend == Backend::Postgres { "'1999-01-01'" } else { "0" };
    database.execute(&format!("UPDATE conversations SET expiry_timestamp = {zero} WHERE id = '{expired}'"));

    let export = exported(&ada).await;
    assert_eq!(export["progress"], json!({"done": 4, "total": 4}));
    let id = export["id"].as_str().unwrap();
    let reply = ada.get(&format!("/api/v1/me/exports/{id}/download")).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let disposition = reply.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\"colloquy-export-"), "{disposition}");
    assert_eq!(json!(reply.text.len()), export["size_bytes"]);
    let document = reply.json();

    assert_eq!(document["account"], ada.get("/api/v1/me").await.json());
    assert_eq!(ids(&document["sessions"]), sorted([ada.session_id, phone.session_id]));
    let reason = |id: Uuid| record(&document["sessions"], id)["end_reason"].clone();
    assert_eq!((reason(ada.session_id), reason(phone.session_id)), (Value::Null, json!("logout")));
    assert_eq!(document["api_keys"].as_array().unwrap().len(), 2);
    assert!(record(&document["api_keys"], revoked)["revoked_at"].is_string());
    assert_eq!(ids(&document["conversations"]), sorted([said.conversation_id, put_away, expired]));
    assert_eq!(record(&document["conversations"], put_away)["archived"], true);
    let mut exported_turns = document["turns"].as_array().unwrap().clone();
    for list in [&mut turns, &mut exported_turns] {
        list.sort_by_key(|turn| turn["id"].to_string());
        // What was made to expire by hand differs in that.
        for turn in list.iter_mut() {
            turn["expiry_timestamp"] = Value::Null;
        }
    }
    assert_eq!(exported_turns, turns);
    assert!(turns.iter().any(|turn| turn["request_question"] == HARD));
    let used = document["usage"].as_array().unwrap();
    assert_eq!(used.iter().map(|day| day["turns"].as_u64().unwrap()).sum::<u64>(), 4, "{used:?}");
    let kinds: Vec<&str> =
        document["audit_events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    for kind in ["user.created", "login.succeeded", "session.logout", "api_key.created", "data.exported"] {
        assert!(kinds.contains(&kind), "{kind} is missing: {kinds:?}");
    }
    for secret in [ada.token(), &ada.refresh_token, key.token(), PASSWORD, "$argon2", "Bob was here", "hash"] {
        assert!(!reply.text.contains(secret), "{secret}");
    }
}

async fn an_export_of_many_pieces_is_whole(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let said = ada.ask("My name is Ada.").await;
    installation.database().add_turns(said.conversation_id, 1500, 1000);
    let export = exported(&ada).await;
    assert_eq!(export["progress"], json!({"done": 1501, "total": 1501}));
    assert!(export["size_bytes"].as_u64().unwrap() > 4 * 256 * 1024);
    let chunks = "SELECT CAST(count(*) AS text) AS value FROM export_chunks";
    let chunks: u64 = installation.database().texts(chunks)[0].as_deref().unwrap().parse().unwrap();
    assert!(chunks > 4, "{chunks}");
    let document = downloaded(&ada, &export).await;
    let seqs = document["turns"].as_array().unwrap().iter().map(|turn| turn["seq"].as_i64().unwrap());
    assert!(seqs.eq(1..=1501));

    let next = exported(&ada).await;
    assert_ne!(next["id"], export["id"]);
    let listed = ada.get("/api/v1/me/exports").await.json();
    assert_eq!(listed["data"], json!([next]), "a new one takes the place of the last");
}

async fn a_foreign_export_is_missing(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let bob = server.client().newcomer("bob").await;
    let (_, key) = ada.new_key(&["conversations:read", "profile:read"]).await;
    let export = exported(&ada).await;
    for path in ["", "/download"] {
        let path = format!("/api/v1/me/exports/{}{path}", export["id"].as_str().unwrap());
        bob.get(&path).await.problem(404, "not_found");
        key.get(&path).await.problem(403, "forbidden");
        assert_eq!(ada.get(&path).await.status, 200);
    }
    assert_eq!(bob.get("/api/v1/me/exports").await.json()["data"], json!([]));
    key.post("/api/v1/me/export", &json!({})).await.problem(403, "forbidden");
    installation.database().age("exports", "expires_at", 2);
    let expired = format!("/api/v1/me/exports/{}", export["id"].as_str().unwrap());
    ada.get(&expired).await.problem(404, "not_found");
    ada.get(&format!("{expired}/download")).await.problem(404, "not_found");
}

async fn an_export_that_a_crash_cut_off_has_failed(backend: Backend) {
    let installation = Installation::new(backend).noticing_deaths_soon();
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let said = ada.ask("My name is Ada.").await;
    installation.database().add_turns(said.conversation_id, 15_000, 1000);
    let asked = sent(ada.request(reqwest::Method::POST, "/api/v1/me/export")).await;
    let path = asked.header("location").unwrap().to_owned();
    let begun: Value = asked.body(202);
    assert_eq!(path, format!("/api/v1/me/exports/{}", begun["id"].as_str().unwrap()));
    let running = eventually("it is being written", async || {
        Some(ada.get(&path).await.json()).filter(|export| export["progress"]["done"] != 0)
    })
    .await;
    assert_eq!((&running["status"], &running["size_bytes"]), (&json!("running"), &Value::Null), "{running}");
    ada.get(&format!("{path}/download")).await.problem(409, "export_not_ready");
    let again: Value = ada.post("/api/v1/me/export", &json!({})).await.body(202);
    assert_eq!(again["id"], begun["id"], "one is written at a time");
    server.kill().await;

    let server = installation.start().await;
    let ada = ada.at(&server);
    eventually("it has failed", async || (ada.get(&path).await.json()["status"] == "failed").then_some(())).await;
    ada.get(&format!("{path}/download")).await.problem(409, "export_not_ready");
    let export = exported(&ada).await;
    assert_ne!(export["id"], begun["id"]);
    assert_eq!(downloaded(&ada, &export).await["turns"].as_array().unwrap().len(), 15_001);
}

/// An export, once it is complete.
async fn exported(caller: &Caller) -> Value {
    let begun: Value = caller.post("/api/v1/me/export", &json!({})).await.body(202);
    let path = format!("/api/v1/me/exports/{}", begun["id"].as_str().unwrap());
    let ended = eventually("the export has ended", async || {
        Some(caller.get(&path).await.json()).filter(|export| export["status"] != "running")
    })
    .await;
    assert_eq!(ended["status"], "completed", "{ended}");
    ended
}

async fn downloaded(caller: &Caller, export: &Value) -> Value {
    caller.get(&format!("/api/v1/me/exports/{}/download", export["id"].as_str().unwrap())).await.json()
}

fn ids(records: &Value) -> Vec<String> {
    let mut ids: Vec<String> =
        records.as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn sorted<const N: usize>(ids: [Uuid; N]) -> Vec<String> {
    let mut ids = ids.map(|id| id.to_string()).to_vec();
    ids.sort();
    ids
}

fn record(records: &Value, id: Uuid) -> &Value {
    records.as_array().unwrap().iter().find(|record| record["id"] == json!(id)).unwrap()
}
