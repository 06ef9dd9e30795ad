//! What is somebody else's is the 404 of what does not exist: every operation, every id, every way to name it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Caller, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;
use crate::support::sse::Transcript;
use crate::support::upstream::{Behaviour, Upstream};

on_both_stores!(no_operation_tells_a_foreign_id_from_one_that_does_not_exist);

async fn no_operation_tells_a_foreign_id_from_one_that_does_not_exist(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(20))).await;
    let installation = Installation::new(backend).answered_by(&upstream);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let bob = server.client().newcomer("bob").await;
    let (_, key) = ada.new_key(&["conversations:read"]).await;
    let phone = server.client().log_in("ada").await;
    let mut stream = ada.stream("My name is Ada.").await.unwrap();
    let mut heard = Transcript::default();
    heard.hear_until(&mut stream, "turn.delta").await;
    let [conversation] = ada.conversations().await[..] else { panic!("one conversation") };
    let export: Value = ada.post("/api/v1/me/export", &json!({})).await.body(202);

    let ids = [
        conversation,
        heard.turn_id().unwrap(),
        ada.session_id,
        phone.session_id,
        ada.user_id().await,
        key_id(&ada).await,
        export["id"].as_str().unwrap().parse().unwrap(),
    ];
    let before = (rows(&installation), turns(&installation));
    let document: Value = server.client().get("/openapi.json").await.json();
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for id in ids {
                if path.contains("{id}") {
                    let at = async |id: Uuid| named(&bob, &method, &path.replace("{id}", &id.to_string())).await;
                    assert_same(&format!("{method} {path}"), &at(id).await, id, &at(Uuid::now_v7()).await);
                    walked += 1;
                }
            }
        }
    }
    assert!(walked >= 12 * ids.len(), "{walked}");
    in_bodies_and_queries(&bob, &ids).await;
    in_frames(&bob, &ids).await;

    assert_eq!((rows(&installation), turns(&installation)), before, "nothing came of it");
    assert_eq!(key.get("/api/v1/conversations").await.status, 200);
    assert_eq!(phone.get("/api/v1/me").await.status, 200);
    heard.hear_until(&mut stream, "turn.delta").await;
    assert_eq!(ada.cancel(heard.turn_id().unwrap()).await.status, 202);
    heard.hear_all(&mut stream).await;
    assert_eq!(heard.end().0, "turn.cancelled");
}

/// A request with a body that is right wherever one is wanted.
async fn named(caller: &Caller, method: &Method, path: &str) -> Reply {
    let request = caller.request(method.clone(), path);
    let request = match *method {
        Method::GET | Method::DELETE => request,
        _ => request.json(&json!({"input": "Who is Ada?"})),
    };
    sent(request).await
}

async fn in_bodies_and_queries(bob: &Caller, ids: &[Uuid]) {
    for &id in ids {
        let ask = async |id: Uuid| bob.post("/chat", &json!({"question": "Who?", "conversation_id": id})).await;
        assert_same("POST /chat", &ask(id).await, id, &ask(Uuid::now_v7()).await);
        for list in ["/api/v1/conversations", "/api/v1/me/sessions", "/api/v1/me/api-keys"] {
            let after = async |id: Uuid| bob.get(&format!("{list}?after={id}")).await;
            assert_same(list, &after(id).await, id, &after(Uuid::now_v7()).await);
        }
    }
}

async fn in_frames(bob: &Caller, ids: &[Uuid]) {
    let mut socket = bob.web_socket().await.unwrap();
    for &id in ids {
        let frames = |id: Uuid| {
            [
                json!({"type": "turn.create", "input": "Who?", "conversation_id": id}),
                json!({"type": "turn.resume", "turn_id": id}),
                json!({"type": "turn.cancel", "turn_id": id}),
            ]
        };
        let nothing = Uuid::now_v7();
        for (foreign, none) in frames(id).into_iter().zip(frames(nothing)) {
            socket.send(&foreign).await;
            let told = socket.next().await.unwrap().to_string();
            socket.send(&none).await;
            let expected = socket.next().await.unwrap().to_string();
            assert!(expected.contains("not_found"), "{expected}");
            assert_eq!(told.replace(&id.to_string(), ""), expected.replace(&nothing.to_string(), ""));
        }
    }
}

/// The same bytes, but for what names the request itself.
#[track_caller]
fn assert_same(what: &str, told: &Reply, id: Uuid, expected: &Reply) {
    assert_eq!(told.status, expected.status, "{what}: {told:?}");
    assert!([403, 404, 422].contains(&told.status), "{what} tells of {id}: {told:?}");
    let bare = |reply: &Reply| -> Value {
        let mut body: Value = serde_json::from_str(&reply.text).unwrap();
        for own in ["request_id", "instance", "turn_id"] {
            body[own] = Value::Null;
        }
        body
    };
    assert_eq!(bare(told), bare(expected), "{what}");
}

async fn key_id(ada: &Caller) -> Uuid {
    let keys: Value = ada.get("/api/v1/me/api-keys").await.json();
    keys["first_id"].as_str().unwrap().parse().unwrap()
}

/// How many rows there are, but for those that the running turn adds by itself.
fn rows(installation: &Installation) -> BTreeMap<&'static str, String> {
    let mut rows = installation.database().row_counts();
    rows.remove("turn_pieces");
    rows
}

/// What a foreign wish could change of a turn.
fn turns(installation: &Installation) -> Vec<Option<String>> {
    let columns = "CAST(id AS text) || status || coalesce(CAST(cancel_requested_at AS text), '-')";
    installation.database().texts(&format!("SELECT {columns} AS value FROM turns"))
}
