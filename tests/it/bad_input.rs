//! Bad input is told apart exactly, and leaves nothing behind.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Caller, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;

on_both_stores!(what_is_refused_leaves_nothing);

const JSON: &str = "application/json";
/// `server.max_body_bytes`.
const LIMIT: usize = 262_144;

/// What is sent, and what it is: status, code and, with 422, where.
type Case = (&'static str, &'static str, String, u16, &'static str, &'static [&'static str]);

fn chat(body: &str, status: u16, code: &'static str, pointers: &'static [&'static str]) -> Case {
    ("/chat", JSON, body.to_owned(), status, code, pointers)
}

fn cases() -> Vec<Case> {
    let model = r#"{"question": "Why?", "model": "gpt-0"}"#;
    let role = r#"{"username": "eve", "email": "eve@example.org", "password": "correct horse", "role": "admin"}"#;
    let too_long = json!({"question": "x".repeat(LIMIT)}).to_string();
    let long = json!({"question": "x".repeat(64 * 1024 + 1)}).to_string();
    vec![
        chat("", 400, "malformed_json", &[]),
        chat(r#"{"question": "Why?""#, 400, "malformed_json", &[]),
        chat(r#"["Why?"]"#, 422, "validation_failed", &[""]),
        chat("{}", 422, "validation_failed", &["/question"]),
        chat(r#"{"question": ""}"#, 422, "validation_failed", &["/question"]),
        chat(r#"{"question": 5}"#, 422, "validation_failed", &["/question"]),
        chat(&long, 422, "validation_failed", &["/question"]),
        chat(r#"{"question": "Why?", "role": "admin"}"#, 422, "validation_failed", &["/role"]),
        chat(r#"{"question": "Why?", "conversation_id": "7"}"#, 422, "validation_failed", &["/conversation_id"]),
        chat(r#"{"question": "", "on_busy": "wait"}"#, 422, "validation_failed", &["/question", "/on_busy"]),
        chat(model, 422, "unknown_model", &["/model"]),
        chat(&too_long, 413, "payload_too_large", &[]),
        ("/chat", "text/plain", r#"{"question": "Why?"}"#.to_owned(), 415, "unsupported_media_type", &[]),
        ("/api/v1/conversations", JSON, r#"{"owner": "ada"}"#.to_owned(), 422, "validation_failed", &["/owner"]),
        ("/api/v1/users", JSON, role.to_owned(), 422, "validation_failed", &["/role"]),
    ]
}

async fn what_is_refused_leaves_nothing(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let before = installation.database().row_counts();

    for (path, media_type, body, status, code, pointers) in cases() {
        let reply = post(&ada, path, media_type, body).await;
        let problem = reply.problem(status, code);
        let named: Vec<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(named, pointers, "{}", reply.text);
        assert_eq!(problem.instance, path);
        assert_eq!(reply.header("x-request-id"), Some(problem.request_id.as_str()));
    }
    let anonymous = server.client().request(Method::POST, "/chat").json(&json!({"question": "Why?"}));
    sent(anonymous).await.problem(401, "unauthenticated");
    assert_eq!(installation.database().row_counts(), before);

    // Not even the key was claimed: what is sent with it now is the first request of that key.
    let reply = post(&ada, "/chat", JSON, r#"{"question": "My name is Ada."}"#.to_owned()).await;
    assert!(!reply.is_replayed());
    assert_eq!(reply.answer().response, "Nice to meet you, Ada.");
}

async fn post(caller: &Caller, path: &str, media_type: &str, body: String) -> Reply {
    let request = caller.request(Method::POST, path).header("content-type", media_type);
    sent(request.header("idempotency-key", "k").body(body)).await
}
