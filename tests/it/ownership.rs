//! Somebody else's object is not there, and looks exactly like one that never was (S27).

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Caller, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::{Problem, Reply};
use crate::support::sse::Transcript;
use crate::support::upstream::{Behaviour, Upstream};
use crate::support::websocket::WebSocket;

on_both_stores!(what_is_somebody_elses_looks_like_nothing, a_turn_that_runs_is_its_owners_alone);

async fn what_is_somebody_elses_looks_like_nothing(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let hers = ada.ask("My name is Ada.").await;
    let bob = server.client().newcomer("bob").await;
    let before = installation.database().row_counts();
    let nothing = Uuid::now_v7();

    for (path, id) in [
        ("/api/v1/conversations/ID", hers.conversation_id),
        ("/api/v1/conversations/ID/turns", hers.conversation_id),
        ("/api/v1/turns/ID", hers.turn_id),
    ] {
        let at = |id: Uuid| path.replace("ID", &id.to_string());
        assert_eq!(ada.get(&at(id)).await.status, 200, "{path} is hers");
        assert_same(&bob.get(&at(id)).await, &bob.get(&at(nothing)).await);
    }
    assert_same(&ask_in(&bob, hers.conversation_id).await, &ask_in(&bob, nothing).await);

    assert_eq!(installation.database().row_counts(), before, "nothing was stored");
    assert_eq!(ada.turns(hers.conversation_id).await.len(), 1);
    assert!(bob.conversations().await.is_empty());
}

async fn a_turn_that_runs_is_its_owners_alone(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(20))).await;
    let installation = Installation::new(backend).answered_by(&upstream);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let bob = server.client().newcomer("bob").await;
    let mut stream = ada.stream("My name is Ada.").await.unwrap();
    let mut heard = Transcript::default();
    heard.hear_until(&mut stream, "turn.delta").await;
    let turn = heard.turn_id().unwrap();
    let conversation = ada.conversations().await[0];
    let before = untouched(&installation);

    for body in [
        json!({"input": "Who is Ada?"}),
        json!({"input": "Who is Ada?", "on_busy": "interrupt"}),
        json!({"input": "Who is Ada?", "stream": true}),
        json!({"input": "Who is Ada?", "background": true}),
    ] {
        let ask = async |id: Uuid| bob.post(&format!("/api/v1/conversations/{id}/turns"), &body).await;
        assert_same(&ask(conversation).await, &ask(Uuid::now_v7()).await);
    }
    for (method, path) in [
        (Method::GET, "events"),
        (Method::GET, "events?starting_after=0.0"),
        (Method::GET, "events?starting_after=0.1000000"),
        (Method::POST, "cancel"),
    ] {
        let call = async |id: Uuid| sent(bob.request(method.clone(), &format!("/api/v1/turns/{id}/{path}"))).await;
        assert_same(&call(turn).await, &call(Uuid::now_v7()).await);
    }
    let mut socket = bob.web_socket().await.unwrap();
    for (frame, id) in [
        (json!({"type": "turn.create", "input": "Who is Ada?", "conversation_id": "ID"}), conversation),
        (json!({"type": "turn.create", "input": "?", "conversation_id": "ID", "on_busy": "interrupt"}), conversation),
        (json!({"type": "turn.create", "input": "?", "conversation_id": "ID", "idempotency_key": "k"}), conversation),
        (json!({"type": "turn.resume", "turn_id": "ID"}), turn),
        (json!({"type": "turn.resume", "turn_id": "ID", "starting_after": "0.0"}), turn),
        (json!({"type": "turn.cancel", "turn_id": "ID"}), turn),
    ] {
        let [theirs, nothing] =
            [refusal(&mut socket, &frame, id).await, refusal(&mut socket, &frame, Uuid::now_v7()).await];
        assert_eq!(theirs, nothing);
        assert_eq!((&theirs["status"], &theirs["error"]["code"]), (&json!(404), &json!("not_found")), "{theirs}");
    }

    assert_eq!(untouched(&installation), before, "nothing was stored");
    assert!(bob.conversations().await.is_empty());
    assert_eq!(upstream.calls(), 1);
    heard.hear(stream.next().await.unwrap());
    assert!(heard.terminal().is_none() && ada.turn(turn).await.status == "running", "it goes on");
    assert_eq!(ada.cancel(turn).await.status, 202, "she may");
    heard.hear_all(&mut stream).await;
    assert_eq!(heard.end(), ("turn.cancelled", None));
}

/// What the socket says to the frame, without the id that the frame itself has.
async fn refusal(socket: &mut WebSocket, frame: &Value, id: Uuid) -> Value {
    let id = id.to_string();
    socket.send_text(&frame.to_string().replace("ID", &id)).await;
    let error = socket.next().await.unwrap();
    assert_eq!(error["type"], "error", "{error}");
    serde_json::from_str(&error.to_string().replace(&id, "ID")).unwrap()
}

/// How much of everything there is, but for the pieces of the turn that runs, of which there are ever more.
fn untouched(installation: &Installation) -> BTreeMap<&'static str, String> {
    let mut counts = installation.database().row_counts();
    assert!(counts.remove("turn_pieces").is_some());
    counts
}

async fn ask_in(caller: &Caller, conversation: Uuid) -> Reply {
    caller.post("/chat", &json!({"question": "Who is Ada?", "conversation_id": conversation})).await
}

/// Both are 404, and the same but for what the request itself was.
#[track_caller]
fn assert_same(theirs: &Reply, nothing: &Reply) {
    let neutral = |reply: &Reply| {
        let Problem { instance, request_id, detail, .. } = reply.problem(404, "not_found");
        assert!(!detail.is_empty());
        let mut headers = reply.headers.clone();
        for name in ["date", "x-request-id"] {
            assert!(headers.remove(name).is_some());
        }
        // Ids have one length, so the bodies do too.
        (reply.text.replace(&instance, "").replace(&request_id, ""), headers)
    };
    assert_eq!(neutral(theirs), neutral(nothing));
}
