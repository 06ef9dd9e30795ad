//! An API key never exceeds its owner or its scopes, and keys make no keys.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(
    a_key_does_what_its_scopes_say_and_no_more,
    a_key_is_shown_once_and_is_over_when_it_is_revoked,
    what_is_wrong_with_a_key_is_named,
    a_key_in_a_socket_reads_or_writes_as_its_scopes_say,
);

async fn a_key_does_what_its_scopes_say_and_no_more(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let conversation = ada.new_conversation().await;
    let (_, reads) = ada.new_key(&["conversations:read"]).await;
    let (_, writes) = ada.new_key(&["conversations:read", "conversations:write"]).await;
    let (_, all) =
        ada.new_key(&["introspect", "users:read", "users:write", "audit:read", "profile:read", "usage:read"]).await;

    assert_eq!(reads.conversations().await, [conversation]);
    reads.post("/api/v1/conversations", &json!({})).await.problem(403, "forbidden");
    reads.get("/api/v1/me").await.problem(403, "forbidden");
    let ask = json!({"question": "Who am I?", "conversation_id": conversation});
    reads.post("/chat", &ask).await.problem(403, "forbidden");
    let answer: Value = writes.post("/chat", &ask).await.json();
    assert_eq!(answer["session_id"], Value::Null);
    writes.post("/chat", &json!({"question": "Where?"})).await.problem(422, "conversation_required");

    all.get("/api/v1/admin/users").await.problem(403, "forbidden");
    all.get("/api/v1/admin/audit-events").await.problem(403, "forbidden");
    for key in [&writes, &all] {
        key.post("/api/v1/me/api-keys", &json!({"name": "k", "scopes": ["usage:read"]}))
            .await
            .problem(403, "forbidden");
        key.get("/api/v1/me/api-keys").await.problem(403, "forbidden");
        key.get("/api/v1/me/sessions").await.problem(403, "forbidden");
        key.post("/api/v1/me/reauth", &json!({"password": "x"})).await.problem(403, "forbidden");
        key.patch("/api/v1/me", &json!({"email": "x@example.org"})).await.problem(403, "forbidden");
    }
}

async fn a_key_is_shown_once_and_is_over_when_it_is_revoked(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let bob = server.client().newcomer("bob").await;
    let (id, key) = ada.new_key(&["profile:read"]).await;
    let listed =
        async || -> Vec<Value> { ada.get("/api/v1/me/api-keys").await.json()["data"].as_array().unwrap().clone() };
    assert_eq!(listed().await[0]["last_used_at"], Value::Null);
    for _ in 0..3 {
        assert_eq!(key.get("/api/v1/me").await.json()["username"], "ada");
    }
    let shown = eventually("its use is noted", async || {
        let shown = listed().await.remove(0);
        (!shown["last_used_at"].is_null()).then_some(shown)
    });
    let shown = shown.await;
    assert_eq!((&shown["id"], &shown["scopes"]), (&json!(id), &json!(["profile:read"])));
    assert!(!shown.to_string().contains(key.token()) && shown.get("secret").is_none(), "{shown}");

    let path = format!("/api/v1/me/api-keys/{id}");
    bob.delete(&path).await.problem(404, "not_found");
    assert_eq!(key.get("/api/v1/me").await.status, 200);
    assert_eq!(ada.delete(&path).await.status, 204);
    key.get("/api/v1/me").await.problem(401, "invalid_token");
    ada.delete(&path).await.problem(404, "not_found");
    assert!(listed().await.is_empty());
    let kinds = installation.database().audit_kinds();
    for kind in ["api_key.created", "api_key.first_used", "api_key.revoked"] {
        assert_eq!(kinds.iter().filter(|told| *told == kind).count(), 1, "{kind}: {kinds:?}");
    }

    let (_, revoked) = ada.new_key(&["profile:read"]).await;
    assert_eq!(server.client().form("/revoke", &[("token", revoked.token())]).await.status, 200);
    revoked.get("/api/v1/me").await.problem(401, "invalid_token");
}

async fn what_is_wrong_with_a_key_is_named(backend: Backend) {
    let installation = Installation::new(backend).set("auth.session_cache_ms", 0);
    let server = installation.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("scopes", json!([])),
        ("scopes", json!(["everything"])),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
        ("expires_at", json!("2999-01-01T00:00:00Z")),
    ] {
        let mut wish = json!({"name": "k", "scopes": ["usage:read"]});
        wish[field] = value;
        let refused = ada.post("/api/v1/me/api-keys", &wish).await.problem(422, "validation_failed");
        assert_eq!(refused.errors[0].pointer, format!("/{field}"), "{wish}");
    }
    let (_, key) = ada.new_key(&["profile:read"]).await;
    let good = key.token().to_owned();
    let changed = |at: usize, to: &str| format!("{}{to}{}", &good[..at], &good[at + 1..]);
    for bad in [
        changed(good.len() - 1, "-"),
        changed(40, if &good[40..41] == "A" { "B" } else { "A" }),
        good[..good.len() - 1].to_owned(),
        good.to_uppercase(),
        format!("clq_{}_{}", Uuid::now_v7().simple(), &good[37..]),
        "clq_".to_owned(),
    ] {
        client.with_key(&bad).get("/api/v1/me").await.problem(401, "invalid_token");
    }
    let over = match backend {
        Backend::Postgres => "UPDATE api_keys SET expires_at = now() - interval '1 second'",
        Backend::Sqlite => "UPDATE api_keys SET expires_at = 1",
    };
    assert_eq!(key.get("/api/v1/me").await.status, 200);
    installation.database().execute(over);
    key.get("/api/v1/me").await.problem(401, "invalid_token");
}

async fn a_key_in_a_socket_reads_or_writes_as_its_scopes_say(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let ada = server.client().newcomer("ada").await;
    let asked = ada.ask("My name is Ada.").await;
    let (id, reads) = ada.new_key(&["conversations:read"]).await;
    let mut socket = reads.web_socket().await.unwrap();
    for frame in [
        json!({"type": "turn.create", "input": "Hello", "conversation_id": asked.conversation_id}),
        json!({"type": "turn.cancel", "turn_id": asked.turn_id}),
    ] {
        socket.send(&frame).await;
        let refused = socket.next().await.unwrap();
        assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(403), &json!("forbidden")), "{refused}");
    }
    socket.send(&json!({"type": "turn.resume", "turn_id": asked.turn_id})).await;
    socket.until(&["turn.completed"]).await;
    assert_eq!(ada.delete(&format!("/api/v1/me/api-keys/{id}")).await.status, 204);
    assert_eq!(socket.closed().await, 4401, "a key that is revoked reads no longer");
}
