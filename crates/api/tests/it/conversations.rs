use domain::Unexpected;
use serde_json::json;

use crate::harness::{Ports, conversation, conversation_id, get, post_json, turn_id, user_id};

#[actix_web::test]
async fn a_conversation_is_made() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_create().return_once(|new| {
        assert_eq!(new.user_id, user_id());
        Ok(())
    });
    let body = json!({
        "title": "Lisbon", "model": "large", "system": "Be brief.", "metadata": {"trip": "2026"}, "ttl_seconds": 60,
    });
    let reply = ports.server().send(post_json("/api/v1/conversations", &body.to_string())).await;
    assert_eq!(reply.status, 201);
    let made = reply.json();
    let location = format!("/api/v1/conversations/{}", made["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(&*location));
    let expected = json!({
        "id": made["id"], "title": "Lisbon", "model": "large", "system": "Be brief.", "metadata": {"trip": "2026"},
        "ttl_seconds": 60, "archived": false, "pinned": false, "leaf_turn_id": null,
        "created_at": "2026-01-02T03:04:05.120000Z", "updated_at": "2026-01-02T03:04:05.120000Z",
        "expiry_timestamp": "2026-01-02T03:05:05.120000Z",
    });
    assert_eq!(made, expected);
}

#[actix_web::test]
async fn a_model_that_is_not_offered_is_refused() {
    let request = post_json("/api/v1/conversations", r#"{"model": "gpt-9"}"#);
    let reply = Ports::with_caller().server().send(request).await;
    assert_eq!(reply.problem(422, "unknown_model")["errors"][0]["pointer"], "/model");
}

#[actix_web::test]
async fn everything_may_be_left_out() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_create().return_once(|_| Ok(()));
    let reply = ports.server().send(post_json("/api/v1/conversations", "{}")).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.json()["title"], json!(null));
    assert_eq!(reply.json()["metadata"], json!({}));
}

#[actix_web::test]
async fn every_field_that_is_wrong_is_named_and_no_port_is_reached() {
    let server = Ports::with_caller().server();
    for (body, pointers) in [
        (json!({"title": ""}), vec!["/title"]),
        (json!({"title": "x".repeat(257), "model": " ", "system": "\u{0}"}), vec!["/title", "/model", "/system"]),
        (json!({"ttl_seconds": 0}), vec!["/ttl_seconds"]),
        (json!({"ttl_seconds": 315_360_001}), vec!["/ttl_seconds"]),
        (json!({"ttl_seconds": -1}), vec!["/ttl_seconds"]),
        (json!({"ttl_seconds": 1.5}), vec!["/ttl_seconds"]),
        (json!({"metadata": {"": "empty key"}}), vec!["/metadata"]),
        (json!({"metadata": []}), vec!["/metadata"]),
        (json!({"archived": true}), vec!["/archived"]),
    ] {
        let reply = server.send(post_json("/api/v1/conversations", &body.to_string())).await;
        assert_eq!(reply.pointers(), pointers, "{body}");
    }
}

#[actix_web::test]
async fn a_conversation_that_could_not_be_stored_is_not_made() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_create().return_once(|_| Err(Unexpected::unavailable("away")));
    ports.server().send(post_json("/api/v1/conversations", "{}")).await.problem(503, "store_unavailable");
}

#[actix_web::test]
async fn the_caller_reads_their_conversation() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_find().return_once(|owner, id, _| {
        assert_eq!((owner, id), (user_id(), conversation_id()));
        Ok(Some(conversation()))
    });
    let reply = ports.server().send(get(&format!("/api/v1/conversations/{}", conversation_id()))).await;
    assert_eq!(reply.status, 200);
    let expected = json!({
        "id": conversation_id().to_string(), "title": "Lisbon", "model": null, "system": null, "metadata": {},
        "ttl_seconds": null, "archived": false, "pinned": false, "leaf_turn_id": turn_id().to_string(),
        "created_at": "2026-01-02T03:04:05.120000Z", "updated_at": "2026-01-02T03:04:05.120000Z",
        "expiry_timestamp": "2026-01-02T03:04:05.120000Z",
    });
    assert_eq!(reply.json(), expected);
}

#[actix_web::test]
async fn what_is_not_there_and_what_is_no_id_give_the_same_bytes() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_find().returning(|_, _, _| Ok(None));
    ports.turns.expect_list().returning(|_, _, _, _| Err(domain::page::ListError::NotFound));
    let server = ports.server();
    let missing = conversation_id().to_string();
    let mut bodies = Vec::new();
    for path in [
        format!("/api/v1/conversations/{missing}"),
        "/api/v1/conversations/not-an-id".to_owned(),
        format!("/api/v1/conversations/{missing}/turns"),
        "/api/v1/conversations/%00/turns".to_owned(),
        "/api/v1/conversations/%FF".to_owned(),
        "/api/v1/nothing".to_owned(),
    ] {
        let reply = server.send(get(&path).insert_header(("X-Request-Id", "same"))).await;
        reply.problem(404, "not_found");
        bodies.push(String::from_utf8(reply.body.to_vec()).unwrap().replace(&path, "PATH"));
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}
