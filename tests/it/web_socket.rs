//! What a client of the WebSocket may not do, and what it costs: a frame, or the socket.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::on_both_stores;
use crate::support::websocket::WebSocket;

on_both_stores!(a_socket_has_so_many_turns_at_once_and_no_more);

/// As docs/API.md has it.
const MOST_AT_ONCE: usize = 32;
const MAX_BODY_BYTES: usize = 4096;

struct Scene {
    _server: Server,
    ada: Caller,
    socket: WebSocket,
}

impl Scene {
    async fn set(installation: Installation) -> Self {
        let server = installation.start().await;
        let ada = server.client().newcomer("ada").await;
        let socket = ada.web_socket().await.unwrap();
        Self { _server: server, ada, socket }
    }

    async fn with_small_messages() -> Self {
        Self::set(Installation::new(Backend::Sqlite).set("server.max_body_bytes", MAX_BODY_BYTES)).await
    }
}

#[tokio::test]
async fn a_message_that_is_too_big_closes_the_socket() {
    let mut scene = Scene::with_small_messages().await;
    scene.socket.send_text(&ping_of(MAX_BODY_BYTES)).await;
    assert_eq!(scene.socket.next().await, Ok(json!({"type": "pong"})), "the largest is taken");
    scene.socket.send_text(&ping_of(MAX_BODY_BYTES + 1)).await;
    assert_eq!(scene.socket.closed().await, 1009);
    assert!(scene.ada.web_socket().await.is_ok(), "another one may be opened");
}

#[tokio::test]
async fn a_message_that_is_too_big_in_pieces_closes_the_socket() {
    let mut scene = Scene::with_small_messages().await;
    for (size, code) in [(MAX_BODY_BYTES, None), (MAX_BODY_BYTES + 1, Some(1009))] {
        let text = ping_of(size);
        let (one, rest) = text.as_bytes().split_at(MAX_BODY_BYTES / 2);
        for (piece, kind, is_last) in [(one, Data::Text, false), (rest, Data::Continue, true)] {
            let frame = Frame::message(piece.to_vec(), OpCode::Data(kind), is_last);
            scene.socket.send_message(Message::Frame(frame)).await;
        }
        match code {
            None => assert_eq!(scene.socket.next().await, Ok(json!({"type": "pong"}))),
            Some(code) => assert_eq!(scene.socket.closed().await, code),
        }
    }
}

#[tokio::test]
async fn a_message_that_is_no_text_closes_the_socket() {
    let mut scene = Scene::with_small_messages().await;
    scene.socket.send_message(Message::binary(br#"{"type": "ping"}"#.to_vec())).await;
    assert_eq!(scene.socket.closed().await, 1003);
}

#[tokio::test]
async fn a_question_is_known_by_its_key() {
    let mut scene = Scene::with_small_messages().await;
    let ask = |key| json!({"type": "turn.create", "input": "Why?", "idempotency_key": key});
    let mut turns = Vec::new();
    for key in ["first", "second", "first"] {
        scene.socket.send(&ask(key)).await;
        let created = scene.socket.next().await.unwrap();
        assert_eq!((&created["type"], &created["idempotency_key"]), (&json!("turn.created"), &json!(key)), "{created}");
        turns.push(created["turn_id"].clone());
        loop {
            let event = scene.socket.next().await.unwrap();
            assert_eq!(event.get("idempotency_key"), None, "{event}");
            if event["type"] == "turn.completed" {
                break;
            }
        }
    }
    assert!(turns[0] == turns[2] && turns[0] != turns[1], "{turns:?}");
}

#[tokio::test]
async fn a_frame_that_cannot_be_read_costs_itself() {
    let mut scene = Scene::with_small_messages().await;
    let id = uuid::Uuid::now_v7();
    for (frame, status, code) in [
        (String::new(), 400, "malformed_json"),
        ("{".to_owned(), 400, "malformed_json"),
        (r#"{"type": "ping"} {}"#.to_owned(), 400, "malformed_json"),
        ("[]".to_owned(), 422, "validation_failed"),
        ("{}".to_owned(), 422, "validation_failed"),
        (r#"{"type": 1}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "turn.crate"}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "ping", "type": "ping"}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "ping", "input": "Why?"}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "turn.create"}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "turn.create", "input": ""}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "turn.create", "input": "Why?", "on_busy": "wait"}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "turn.create", "input": "Why?", "model": "no-such"}"#.to_owned(), 422, "unknown_model"),
        (r#"{"type": "turn.create", "input": "Why?", "idempotency_key": ""}"#.to_owned(), 422, "validation_failed"),
        (r#"{"type": "turn.resume"}"#.to_owned(), 422, "validation_failed"),
        (format!(r#"{{"type": "turn.resume", "turn_id": "{id}", "starting_after": "1"}}"#), 422, "validation_failed"),
        (format!(r#"{{"type": "turn.cancel", "turn_id": "{id}", "input": "Why?"}}"#), 422, "validation_failed"),
        (format!(r#"{{"type": "turn.cancel", "turn_id": "{id}"}}"#), 404, "not_found"),
    ] {
        scene.socket.send_text(&frame).await;
        let error = scene.socket.next().await.unwrap();
        assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(status)), "{frame}: {error}");
        assert_eq!(error["error"]["code"], code, "{frame}: {error}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{frame}: {error}");
    }
    assert!(scene.ada.conversations().await.is_empty(), "nothing was asked");
    scene.socket.send(&json!({"type": "turn.create", "input": "My name is Ada."})).await;
    assert!(scene.socket.until(&["turn.completed"]).await.len() > 2, "the socket goes on");
}

async fn a_socket_has_so_many_turns_at_once_and_no_more(backend: Backend) {
    let hanging = Installation::new(backend).answering(1, 0).set("engine.scripted.hang", true);
    let mut scene = Scene::set(hanging).await;
    let conversations = scene.ada.new_conversations(MOST_AT_ONCE / 2).await;
    let mut turns = Vec::new();
    for conversation in conversations {
        scene.socket.send(&json!({"type": "turn.create", "input": "Why?", "conversation_id": conversation})).await;
        turns.push(scene.socket.until(&["turn.delta"]).await[0]["turn_id"].clone());
    }
    for turn in &turns {
        scene.socket.send(&json!({"type": "turn.resume", "turn_id": turn})).await;
        scene.socket.until(&["turn.delta"]).await;
    }

    let one_more =
        [json!({"type": "turn.create", "input": "Too much?"}), json!({"type": "turn.resume", "turn_id": turns[0]})];
    for frame in &one_more {
        scene.socket.send(frame).await;
        let refused = scene.socket.next().await.unwrap();
        assert_eq!((&refused["type"], &refused["status"]), (&json!("error"), &json!(429)), "{refused}");
        assert_eq!(refused["error"]["code"], "too_many_streams", "{refused}");
        assert!(refused["error"]["retry_after"].is_u64(), "{refused}");
    }
    // What is none of them is done all the same, and makes room.
    let ended = turns.pop().unwrap();
    scene.socket.send(&json!({"type": "ping"})).await;
    assert_eq!(scene.socket.next().await, Ok(json!({"type": "pong"})));
    scene.socket.send(&json!({"type": "turn.cancel", "turn_id": ended})).await;
    for _ in 0..2 {
        scene.socket.until(&["turn.cancelled"]).await;
    }
    for _ in 0..2 {
        scene.socket.send(&one_more[1]).await;
        scene.socket.until(&["turn.delta"]).await;
    }

    // Whoever goes on although it is told is sent away; its turns are not.
    let mut refused = 0;
    let code = loop {
        scene.socket.send(&one_more[1]).await;
        match scene.socket.next().await {
            Ok(frame) => refused += usize::from(is_refusal(&frame)),
            Err(code) => break code,
        }
        assert!(refused <= 2 * MOST_AT_ONCE, "it may go on for ever");
    };
    assert_eq!((code, refused), (4429, MOST_AT_ONCE));
    for turn in turns {
        assert_eq!(scene.ada.turn(turn.as_str().unwrap().parse().unwrap()).await.status, "running");
    }
}

fn is_refusal(frame: &Value) -> bool {
    frame["error"]["code"] == "too_many_streams"
}

/// A frame of so many bytes.
fn ping_of(bytes: usize) -> String {
    let frame = json!({"type": "ping"}).to_string();
    format!("{frame}{}", " ".repeat(bytes - frame.len()))
}
