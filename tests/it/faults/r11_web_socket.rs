//! The same over WebSocket (R11): a socket that breaks changes nothing, and another one goes on where it broke.

use serde_json::{Value, json};

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::waiting::eventually;
use crate::support::websocket::text_of;

const ENDS: [&str; 4] = ["turn.completed", "turn.incomplete", "turn.cancelled", "turn.failed"];

#[tokio::test]
async fn r11_a_socket_that_broke_is_resumed_at_the_other_replica() {
    let installation = Installation::new(Backend::Postgres).answering(60, 20).set("engine.scripted.odd_utf8", true);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let mut socket = ada.web_socket().await.unwrap();
    socket.send(&json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, Ok(json!({"type": "pong"})));

    socket.send(&json!({"type": "turn.create", "input": "Why?", "idempotency_key": "k"})).await;
    let mut frames = socket.until(&["turn.created"]).await;
    let turn = frames[0]["turn_id"].clone();
    for _ in 0..10 {
        frames.push(socket.next().await.unwrap());
    }
    drop(socket);
    let last = frames.last().unwrap()["id"].clone();
    assert!(last.is_string(), "{frames:?}");

    let mut socket = ada.at(&other).web_socket().await.unwrap();
    socket.send(&json!({"type": "turn.resume", "turn_id": turn, "starting_after": last})).await;
    frames.extend(socket.until(&ENDS).await);
    assert!(frames.iter().all(|frame| frame["turn_id"] == turn), "{frames:?}");
    assert_eq!(frames.last().unwrap()["type"], "turn.completed");
    let stored = ada.turn(turn.as_str().unwrap().parse().unwrap()).await;
    assert_eq!(stored.response, Some(text_of(&frames)));

    // The same key again is the same turn, to its end.
    socket.send(&json!({"type": "turn.create", "input": "Why?", "idempotency_key": "k"})).await;
    let replayed = socket.until(&ENDS).await;
    assert!(replayed.iter().all(|frame| frame["turn_id"] == turn), "{replayed:?}");
    assert_eq!(Some(text_of(&replayed)), stored.response);
}

#[tokio::test]
async fn r11_a_turn_is_cancelled_over_another_socket() {
    let installation = Installation::new(Backend::Postgres).answering(1, 20).set("engine.scripted.endless", true);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let mut socket = ada.web_socket().await.unwrap();
    socket.send(&json!({"type": "turn.create", "input": "Why?"})).await;
    let mut frames = socket.until(&["turn.delta"]).await;
    let turn = frames[0]["turn_id"].clone();
    let mut canceller = ada.at(&other).web_socket().await.unwrap();
    canceller.send(&json!({"type": "turn.cancel", "turn_id": turn})).await;
    frames.extend(socket.until(&ENDS).await);
    assert_eq!(frames.last().unwrap()["type"], "turn.cancelled");
    assert_eq!(ada.turn(turn.as_str().unwrap().parse().unwrap()).await.response, Some(text_of(&frames)));

    canceller.send(&json!({"type": "turn.cancel", "turn_id": uuid::Uuid::now_v7()})).await;
    let refused = canceller.until(&["error"]).await;
    assert_eq!((&refused[0]["status"], &refused[0]["error"]["code"]), (&json!(404), &json!("not_found")));
    for nonsense in [json!({"type": "turn.crate"}), json!([]), json!({"type": "turn.create", "inptu": "Why?"})] {
        canceller.send(&nonsense).await;
        assert_eq!(canceller.until(&["error"]).await.len(), 1, "{nonsense}");
    }
    canceller.send(&json!({"type": "ping"})).await;
    assert_eq!(canceller.next().await, Ok(json!({"type": "pong"})), "what is wrong costs one frame");
}

#[tokio::test]
async fn r11_a_socket_ends_with_its_session_and_says_so() {
    let server = Installation::new(Backend::Postgres).start().await;
    let ada = server.client().newcomer("ada").await;
    let mut socket = ada.web_socket().await.unwrap();
    ada.log_out().await;
    assert_eq!(closed(&mut socket).await, 4401);
    assert_eq!(ada.web_socket().await.err(), Some(401));
}

#[tokio::test]
async fn r11_a_socket_ends_with_its_server_and_says_so() {
    let server = Installation::new(Backend::Postgres).start().await;
    let ada = server.client().newcomer("ada").await;
    let mut socket = ada.web_socket().await.unwrap();
    server.terminate();
    assert_eq!(closed(&mut socket).await, 1001);
    assert_eq!(server.ended().await.code, Some(0));
}

/// The code with which the server closes the socket, whatever it says before.
async fn closed(socket: &mut crate::support::websocket::WebSocket) -> u16 {
    eventually("the server closes the socket", async || socket.next().await.map(|_: Value| ()).err()).await
}
