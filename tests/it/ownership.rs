//! Somebody else's object is not there, and looks exactly like one that never was (S27).

use serde_json::json;
use uuid::Uuid;

use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::{Problem, Reply};

on_both_stores!(what_is_somebody_elses_looks_like_nothing);

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
