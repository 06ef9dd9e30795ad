use domain::conversation::{Failure, IncompleteReason, Turn, TurnState};
use serde_json::{Value, json};

use crate::harness::{Ports, answer, conversation_id, get, session_id, turn, turn_id, user_id};

async fn read(found: Turn) -> Value {
    let mut ports = Ports::with_caller();
    ports.turns.expect_find().return_once(|owner, id, _| {
        assert_eq!((owner, id), (user_id(), turn_id()));
        Ok(Some(found))
    });
    let reply = ports.server().send(get(&format!("/api/v1/turns/{}", turn_id()))).await;
    assert_eq!(reply.status, 200);
    reply.json()
}

#[actix_web::test]
async fn a_completed_turn() {
    let expected = json!({
        "id": turn_id().to_string(), "conversation_id": conversation_id().to_string(),
        "session_id": session_id().to_string(), "seq": 1, "parent_turn_id": null, "kind": "answered",
        "status": "completed", "incomplete_reason": null, "failure": null, "request_question": "Who are you?",
        "response": "Colloquy.", "parts": null, "graph_url": null, "model": null, "metadata": {},
        "usage": {"input_tokens": 40, "output_tokens": 2, "total_tokens": 42},
        "entry_time": "2026-01-02T03:04:05.120000Z", "completed_at": "2026-01-02T03:04:05.120000Z",
        "expiry_timestamp": "2026-01-02T03:04:05.120000Z",
    });
    assert_eq!(read(turn(TurnState::Completed(answer("Colloquy.")))).await, expected);
}

#[actix_web::test]
async fn a_running_turn_shows_the_text_so_far() {
    let running = TurnState::Running { response: "Coll".to_owned() };
    let body = read(Turn { completed_at: None, session_id: None, ..turn(running) }).await;
    assert_eq!((&body["status"], &body["response"]), (&json!("running"), &json!("Coll")));
    assert_eq!(
        (&body["usage"], &body["completed_at"], &body["session_id"]),
        (&json!(null), &json!(null), &json!(null))
    );
}

#[actix_web::test]
async fn a_turn_without_an_answer_says_why() {
    let body = read(turn(TurnState::Failed(Failure::EngineTimeout))).await;
    assert_eq!((&body["status"], &body["failure"]), (&json!("failed"), &json!("engine_timeout")));
    assert_eq!((&body["response"], &body["usage"]), (&json!(null), &json!(null)));
    let body = read(turn(TurnState::Incomplete(answer("Co"), IncompleteReason::ServerRestart))).await;
    assert_eq!((&body["status"], &body["incomplete_reason"]), (&json!("incomplete"), &json!("server_restart")));
}

#[actix_web::test]
async fn what_is_not_there_and_what_is_no_id_give_the_same_bytes() {
    let mut ports = Ports::with_caller();
    ports.turns.expect_find().times(1).returning(|_, _, _| Ok(None));
    let server = ports.server();
    let mut bodies = Vec::new();
    for id in [turn_id().to_string(), "17".to_owned()] {
        let reply = server.send(get(&format!("/api/v1/turns/{id}")).insert_header(("X-Request-Id", "same"))).await;
        reply.problem(404, "not_found");
        bodies.push(String::from_utf8(reply.body.to_vec()).unwrap().replace(&id, "ID"));
    }
    assert_eq!(bodies[0], bodies[1]);
}
