//! The same over WebSocket (R11): a socket that breaks changes nothing, and another one goes on where it broke.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::upstream::{Behaviour, Upstream};
use crate::support::websocket::text_of;

on_both_stores!(r11_who_wants_a_turn_to_stop_with_the_socket_gets_that);

/// Two seconds is the promise; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(2 + 2);
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
    assert_eq!(socket.closed().await, 4401);
    assert_eq!(ada.web_socket().await.err(), Some(401));
}

#[tokio::test]
async fn r11_a_socket_ends_with_its_server_and_says_so() {
    let server = Installation::new(Backend::Postgres).start().await;
    let ada = server.client().newcomer("ada").await;
    let mut socket = ada.web_socket().await.unwrap();
    server.terminate();
    assert_eq!(socket.closed().await, 1001);
    assert_eq!(server.ended().await.code, Some(0));
}

async fn r11_who_wants_a_turn_to_stop_with_the_socket_gets_that(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(20))).await;
    let server = Installation::new(backend).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    for (round, says_so) in [(1, true), (2, false)] {
        let mut socket = ada.web_socket().await.unwrap();
        let mut turns = Vec::<Uuid>::new();
        for on_disconnect in ["cancel", "continue"] {
            let conversation = ada.new_conversation().await;
            let create = json!({
                "type": "turn.create", "input": "Why?", "conversation_id": conversation, "on_disconnect": on_disconnect
            });
            socket.send(&create).await;
            let created = &socket.until(&["turn.created"]).await;
            turns.push(created.last().unwrap()["turn_id"].as_str().unwrap().parse().unwrap());
            socket.until(&["turn.delta"]).await;
        }
        let [to_be_cancelled, to_go_on] = turns[..] else { unreachable!() };

        let begun = Instant::now();
        if says_so {
            socket.send_message(Message::Close(None)).await;
        }
        drop(socket);
        // One call of this round, and both of the last.
        upstream.left_by(2 * round - 1).await;
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let cancelled = ada.ended_turn(to_be_cancelled).await;
        assert_eq!(cancelled.status, "cancelled");
        assert!(cancelled.response.unwrap().starts_with("again "));

        assert_eq!(ada.turn(to_go_on).await.status, "running", "the other did not say so");
        assert_eq!(ada.cancel(to_go_on).await.status, 202);
        upstream.left_by(2 * round).await;
    }
}
