use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use domain::Unexpected;
use domain::chat::{AcceptError, ConversationChoice, Fingerprint, Started};
use domain::conversation::{Answer, Failure, IncompleteReason, Part, TurnState};
use domain::id::TurnId;
use futures_util::stream;
use serde_json::json;

use crate::harness::{
    Ports, answer, conversation_id, model, post_json, running, session_id, started, turn, turn_id, user_id,
};

fn ask(body: &str) -> TestRequest {
    post_json("/chat", body)
}

fn answering(state: TurnState) -> Ports {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|_| Ok(started(state, None)));
    ports
}

fn refusing(error: AcceptError) -> Ports {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|_| Err(error));
    ports
}

#[actix_web::test]
async fn a_question_is_answered() {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|plan| {
        assert_eq!(plan.turn.question.as_str(), "Who are you?");
        assert_eq!((plan.turn.user_id, plan.turn.session_id), (user_id(), Some(session_id())));
        assert!(matches!(plan.turn.conversation, ConversationChoice::Current { .. }));
        assert!(plan.turn.idempotency.is_none());
        Ok(started(TurnState::Completed(answer("Colloquy.")), None))
    });
    let reply = ports.server().send(ask(r#"{"question": "Who are you?"}"#)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("idempotent-replayed"), None);
    let expected = json!({
        "response": "Colloquy.", "graph_url": null, "conversation_id": conversation_id().to_string(),
        "turn_id": turn_id().to_string(), "session_id": session_id().to_string(), "status": "completed",
        "incomplete_reason": null, "parts": null,
        "usage": {"input_tokens": 40, "output_tokens": 2, "total_tokens": 42},
    });
    assert_eq!(reply.json(), expected);
}

#[actix_web::test]
async fn conversation_and_model_are_passed_on() {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(move |plan| {
        assert_eq!(plan.turn.conversation, ConversationChoice::Existing(conversation_id()));
        assert_eq!(plan.turn.model, Some(model()));
        Ok(started(TurnState::Completed(answer("Yes.")), None))
    });
    let body =
        json!({"question": "a", "conversation_id": conversation_id().to_string(), "model": "large", "stream": false});
    assert_eq!(ports.server().send(ask(&body.to_string())).await.status, 200);
}

#[actix_web::test]
async fn an_answer_may_be_more_than_text() {
    let parts = vec![
        Part::Text { text: "Look:".to_owned() },
        Part::Image { url: "/files/1".to_owned(), alt: Some("a cat".to_owned()) },
        Part::Table { columns: vec!["n".to_owned()], rows: vec![vec!["1".to_owned()]] },
        Part::Chart { specification: "{}".to_owned() },
        Part::ToolCall { id: "c1".to_owned(), name: "sum".to_owned(), arguments: "[1]".to_owned() },
        Part::ToolResult { id: "c1".to_owned(), content: "1".to_owned() },
        Part::Reasoning { text: "hm".to_owned() },
    ];
    let rich = Answer { parts: Some(parts), image_url: Some("/files/1".to_owned()), ..answer("Look:") };
    let reply = answering(TurnState::Completed(rich)).server().send(ask(r#"{"question": "a"}"#)).await.json();
    assert_eq!(reply["graph_url"], "/files/1");
    let expected = json!([
        {"type": "text", "text": "Look:"},
        {"type": "image", "url": "/files/1", "alt": "a cat"},
        {"type": "table", "columns": ["n"], "rows": [["1"]]},
        {"type": "chart", "specification": "{}"},
        {"type": "tool_call", "id": "c1", "name": "sum", "arguments": "[1]"},
        {"type": "tool_result", "id": "c1", "content": "1"},
        {"type": "reasoning", "text": "hm"},
    ]);
    assert_eq!(reply["parts"], expected);
}

#[actix_web::test]
async fn half_an_answer_is_200_and_says_so() {
    let state = TurnState::Incomplete(answer("Half"), IncompleteReason::MaxOutputTokens);
    let reply = answering(state).server().send(ask(r#"{"question": "a"}"#)).await;
    assert_eq!(reply.status, 200);
    let body = reply.json();
    assert_eq!((&body["status"], &body["incomplete_reason"]), (&json!("incomplete"), &json!("max_output_tokens")));
    let reply = answering(TurnState::Cancelled(answer("Ha"))).server().send(ask(r#"{"question": "a"}"#)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (200, &json!("cancelled")));
}

#[actix_web::test]
async fn every_field_that_is_wrong_is_named_and_no_port_is_reached() {
    let server = Ports::with_caller().server();
    let long = "x".repeat(64 * 1024 + 1);
    for (body, pointers) in [
        (json!({"question": ""}), vec!["/question"]),
        (json!({"question": " \n\t "}), vec!["/question"]),
        (json!({"question": "a\u{0}b"}), vec!["/question"]),
        (json!({"question": long}), vec!["/question"]),
        (json!({"question": "a", "conversation_id": "mine"}), vec!["/conversation_id"]),
        (json!({"question": "a", "model": ""}), vec!["/model"]),
        (json!({"question": "a", "on_busy": "queue"}), vec!["/on_busy"]),
        (json!({"question": "a", "on_busy": "enqueue"}), vec!["/on_busy"]),
        (json!({"question": "a", "on_disconnect": ""}), vec!["/on_disconnect"]),
        (
            json!({"question": "", "conversation_id": "", "stream": true, "on_busy": ""}),
            vec!["/question", "/conversation_id", "/on_busy"],
        ),
    ] {
        assert_eq!(server.send(ask(&body.to_string())).await.pointers(), pointers);
    }
}

#[actix_web::test]
async fn a_model_that_is_not_offered_is_refused() {
    let reply = Ports::with_caller().server().send(ask(r#"{"question": "a", "model": "gpt-9"}"#)).await;
    assert_eq!(reply.problem(422, "unknown_model")["errors"][0]["pointer"], "/model");
}

#[actix_web::test]
async fn a_conversation_that_is_not_the_callers_is_404() {
    let body = json!({"question": "a", "conversation_id": conversation_id().to_string()}).to_string();
    refusing(AcceptError::ConversationNotFound).server().send(ask(&body)).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_busy_conversation_names_its_turn() {
    let running = TurnId::from_uuid(uuid::Uuid::from_u128(77));
    for (error, code) in [
        (AcceptError::ConversationBusy { running }, "conversation_busy"),
        (AcceptError::InProgress { running }, "turn_in_progress"),
    ] {
        let problem = refusing(error).server().send(ask(r#"{"question": "a"}"#)).await.problem(409, code);
        assert_eq!(problem["turn_id"], running.to_string());
    }
}

#[actix_web::test]
async fn a_key_that_does_not_fit_is_refused() {
    let server = refusing(AcceptError::KeyReused).server();
    server.send(ask(r#"{"question": "a"}"#)).await.problem(422, "idempotency_key_reused");
    let server = refusing(AcceptError::KeyGone).server();
    server.send(ask(r#"{"question": "a"}"#)).await.problem(410, "idempotency_key_gone");
}

#[actix_web::test]
async fn an_engine_that_gives_nothing_is_a_bad_gateway() {
    let wait = Duration::from_millis(6_100);
    for (failure, retry_after, status, seconds) in [
        (Failure::EngineError, None, 502, None),
        (Failure::EngineUnavailable, Some(wait), 503, Some(7)),
        (Failure::EngineUnavailable, None, 503, Some(1)),
        (Failure::EngineTimeout, None, 504, None),
    ] {
        let mut ports = Ports::with_caller();
        ports.runner.expect_start().return_once(move |_| Ok(started(TurnState::Failed(failure), retry_after)));
        let reply = ports.server().send(ask(r#"{"question": "a"}"#)).await;
        let problem = reply.problem(status, failure.as_str());
        assert_eq!(problem["turn_id"], turn_id().to_string());
        assert_eq!(problem["retry_after"].as_u64(), seconds);
    }
}

#[actix_web::test]
async fn a_store_that_fails_is_not_the_engines_fault() {
    let away = refusing(AcceptError::Unexpected(Unexpected::unavailable("away")));
    away.server().send(ask(r#"{"question": "a"}"#)).await.problem(503, "store_unavailable");
    let broken = refusing(AcceptError::Unexpected(Unexpected::new("broken")));
    broken.server().send(ask(r#"{"question": "a"}"#)).await.problem(500, "internal");
}

#[actix_web::test]
async fn a_turn_whose_end_is_not_known_is_named() {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|_| Ok(running(Err(Unexpected::unavailable("away")))));
    let problem = ports.server().send(ask(r#"{"question": "a"}"#)).await.problem(503, "store_unavailable");
    assert_eq!(problem["turn_id"], turn_id().to_string());
}

#[actix_web::test]
async fn a_server_that_is_stopped_takes_no_question() {
    let server = Ports::with_caller().server();
    server.drain();
    let problem = server.send(ask(r#"{"question": "a"}"#)).await.problem(503, "draining");
    assert_eq!(problem["retry_after"], 1);
}

#[actix_web::test]
async fn a_server_that_is_stopped_while_the_question_comes_does_not_take_it() {
    let server = Ports::with_caller().server();
    let draining = server.draining.clone();
    let body = stream::once(async move {
        draining.send_replace(true);
        Ok::<_, PayloadError>(Bytes::from_static(br#"{"question": "a"}"#))
    });
    server.send_body(ask(""), Payload::Stream { payload: Box::pin(body) }).await.problem(503, "draining");
}

#[actix_web::test]
async fn a_replayed_answer_says_so() {
    let mut ports = Ports::with_caller();
    let stored = turn(TurnState::Completed(answer("As before.")));
    ports.runner.expect_start().return_once(move |plan| {
        assert_eq!(plan.turn.idempotency.unwrap().key.as_str(), "key-1");
        Ok(Started::Replayed(Box::new(stored)))
    });
    let request = ask(r#"{"question": "a"}"#).insert_header(("Idempotency-Key", "key-1"));
    let reply = ports.server().send(request).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("idempotent-replayed"), Some("true"));
    assert_eq!(reply.json()["response"], "As before.");
}

#[actix_web::test]
async fn the_fingerprint_is_of_method_path_and_raw_body() {
    let seen: Arc<Mutex<Vec<Fingerprint>>> = Arc::default();
    let mut ports = Ports::with_caller();
    let fingerprints = Arc::clone(&seen);
    ports.runner.expect_start().returning(move |plan| {
        fingerprints.lock().unwrap().push(plan.turn.idempotency.unwrap().fingerprint);
        Ok(started(TurnState::Completed(answer("Yes.")), None))
    });
    let server = ports.server();
    for body in [r#"{"question": "a"}"#, r#"{"question": "a"}"#, r#"{"question":"a"}"#] {
        server.send(ask(body).insert_header(("Idempotency-Key", "k"))).await;
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
    // printf 'POST\0/chat\0{"question":"a"}' | sha256sum
    assert_eq!(u128::from_be_bytes(seen[2].0[..16].try_into().unwrap()), FINGERPRINT_BEGINS);
}

const FINGERPRINT_BEGINS: u128 = 0xd19f_084f_fd29_9e99_c1a6_2a24_d70c_62c6;

#[actix_web::test]
async fn a_malformed_key_is_refused_and_named() {
    let server = Ports::with_caller().server();
    let too_long = "x".repeat(256);
    for key in ["", "two words", "é", &too_long] {
        let reply = server.send(ask(r#"{"question": "a"}"#).insert_header(("Idempotency-Key", key))).await;
        let problem = reply.problem(400, "invalid_idempotency_key");
        assert!(problem["detail"].as_str().unwrap().contains("Idempotency-Key"));
    }
    let twice =
        ask(r#"{"question": "a"}"#).append_header(("Idempotency-Key", "a")).append_header(("Idempotency-Key", "a"));
    server.send(twice).await.problem(400, "invalid_idempotency_key");
}
