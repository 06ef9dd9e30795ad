//! What holds for every list, and the two lists there are.

use domain::conversation::{Conversation, Turn, TurnState};
use domain::id::{ConversationId, TurnId};
use domain::page::{ListError, Order, Page};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Ports, Server, answer, conversation, conversation_id, get, turn, turn_id, user_id};

const CONVERSATIONS: &str = "/api/v1/conversations";

fn turns_path() -> String {
    format!("/api/v1/conversations/{}/turns", conversation_id())
}

/// A server whose list of conversations checks what it is asked for.
fn expecting(limit: u8, after: Option<u128>, order: Order) -> Server {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_list().return_once(move |owner, page, _| {
        assert_eq!(owner, user_id());
        assert_eq!((page.limit.get(), page.order), (limit, order));
        assert_eq!(page.after, after.map(|id| ConversationId::from_uuid(Uuid::from_u128(id))));
        Ok(Page { items: Vec::new(), has_more: false })
    });
    ports.server()
}

#[actix_web::test]
async fn a_page_says_where_it_begins_and_ends() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_list().return_once(|_, _, _| {
        let other = Conversation { id: ConversationId::from_uuid(Uuid::from_u128(9)), ..conversation() };
        Ok(Page { items: vec![conversation(), other], has_more: true })
    });
    let body = ports.server().send(get(CONVERSATIONS)).await.json();
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    assert_eq!(body["data"][0]["id"], conversation_id().to_string());
    assert_eq!(body["first_id"], conversation_id().to_string());
    assert_eq!(body["last_id"], Uuid::from_u128(9).to_string());
    assert_eq!(body["has_more"], true);
}

#[actix_web::test]
async fn an_empty_page_has_no_ends() {
    let body = expecting(20, None, Order::Descending).send(get(CONVERSATIONS)).await.json();
    assert_eq!(body, json!({"data": [], "first_id": null, "last_id": null, "has_more": false}));
}

#[actix_web::test]
async fn limit_after_and_order_are_passed_on() {
    let path = format!("{CONVERSATIONS}?limit=100&after={}&order=asc", Uuid::from_u128(5));
    assert_eq!(expecting(100, Some(5), Order::Ascending).send(get(&path)).await.status, 200);
    let path = format!("{CONVERSATIONS}?order=desc&limit=1");
    assert_eq!(expecting(1, None, Order::Descending).send(get(&path)).await.status, 200);
}

#[actix_web::test]
async fn every_parameter_that_is_wrong_is_named_and_no_port_is_reached() {
    let server = Ports::with_caller().server();
    for (query, pointers) in [
        ("limit=0", vec!["/limit"]),
        ("limit=101", vec!["/limit"]),
        ("limit=-1", vec!["/limit"]),
        ("limit=ten", vec!["/limit"]),
        ("limit=", vec!["/limit"]),
        ("limit=99999999999999999999999", vec!["/limit"]),
        ("after=first", vec!["/after"]),
        ("order=up", vec!["/order"]),
        ("order=ASC", vec!["/order"]),
        ("page=2", vec!["/page"]),
        ("limit=1&limit=2", vec!["/limit"]),
        ("limit=0&after=x&order=y&z=1", vec!["/limit", "/after", "/order", "/z"]),
    ] {
        for path in [CONVERSATIONS, &turns_path()] {
            assert_eq!(server.send(get(&format!("{path}?{query}"))).await.pointers(), pointers, "{query}");
        }
    }
}

#[actix_web::test]
async fn a_cursor_that_names_nothing_is_an_invalid_parameter() {
    let mut ports = Ports::with_caller();
    ports.conversations.expect_list().return_once(|_, _, _| Err(ListError::UnknownCursor));
    let path = format!("{CONVERSATIONS}?after={}", Uuid::from_u128(5));
    assert_eq!(ports.server().send(get(&path)).await.pointers(), ["/after"]);
}

#[actix_web::test]
async fn turns_come_in_the_order_they_were_said() {
    let mut ports = Ports::with_caller();
    ports.turns.expect_list().return_once(|owner, conversation, page, _| {
        assert_eq!((owner, conversation), (user_id(), conversation_id()));
        assert_eq!((page.limit.get(), page.after, page.order), (20, None, Order::Ascending));
        let first = turn(TurnState::Completed(answer("Yes.")));
        let second = Turn { id: TurnId::from_uuid(Uuid::from_u128(99)), seq: 2, ..first.clone() };
        Ok(Page { items: vec![first, second], has_more: false })
    });
    let body = ports.server().send(get(&turns_path())).await.json();
    assert_eq!((&body["data"][0]["seq"], &body["data"][1]["seq"]), (&json!(1), &json!(2)));
    assert_eq!(body["first_id"], turn_id().to_string());
}

#[actix_web::test]
async fn a_store_that_fails_gives_no_page() {
    let mut ports = Ports::with_caller();
    ports.turns.expect_list().return_once(|_, _, _, _| Err(domain::Unexpected::new("broken").into()));
    ports.server().send(get(&turns_path())).await.problem(500, "internal");
}
