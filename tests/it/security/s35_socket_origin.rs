//! A WebSocket with a cookie must come from this origin; one with a token or a ticket may come from anywhere.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::websocket::WebSocket;

on_both_stores!(a_ticket_opens_one_socket, a_ticket_is_worth_as_much_as_its_session);

#[tokio::test]
async fn a_cookie_opens_no_socket_from_elsewhere() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let browser = client.log_in_browser("ada").await;
    let own = client.address();
    let open = async |headers: &[(&str, &str)]| WebSocket::open(own, headers).await.map(drop);
    let cookie = ("Cookie", browser.cookie.as_str());
    assert_eq!(open(&[cookie, ("Origin", own)]).await, Ok(()));
    for foreign in ["https://evil.example", "null", &format!("{own}.evil.example"), &own.replace("http", "https")] {
        assert_eq!(open(&[cookie, ("Origin", foreign)]).await, Err(403), "{foreign}");
    }
    assert_eq!(open(&[cookie]).await, Err(403), "a browser always says its origin");
    let bearer = ada.authorization();
    assert_eq!(open(&[("Authorization", &bearer), ("Origin", "https://evil.example")]).await, Ok(()));
    assert_eq!(open(&[]).await, Err(401));
}

async fn a_ticket_opens_one_socket(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let ticket: Value = ada.post("/api/v1/ws-tickets", &json!({})).await.body(201);
    assert_eq!(ticket["expires_in"], 30);
    let offered = format!("colloquy, ticket.{}", ticket["ticket"].as_str().unwrap());
    let open = async || {
        WebSocket::open(client.address(), &[("Sec-WebSocket-Protocol", &offered), ("Origin", "https://other.example")])
            .await
    };
    let mut socket = open().await.unwrap();
    socket.send(&json!({"type": "turn.create", "input": "My name is Ada."})).await;
    socket.until(&["turn.completed"]).await;
    assert_eq!(open().await.map(drop), Err(401), "once is once");

    let late: Value = ada.post("/api/v1/ws-tickets", &json!({})).await.body(201);
    installation.database().execute(match backend {
        Backend::Postgres => "UPDATE tickets SET expires_at = now() - interval '1 second'",
        Backend::Sqlite => "UPDATE tickets SET expires_at = 1",
    });
    let offered = format!("colloquy, ticket.{}", late["ticket"].as_str().unwrap());
    let headers = [("Sec-WebSocket-Protocol", offered.as_str())];
    assert_eq!(WebSocket::open(client.address(), &headers).await.map(drop), Err(401));
}

async fn a_ticket_is_worth_as_much_as_its_session(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let ticket = async || -> String {
        let ticket: Value = ada.post("/api/v1/ws-tickets", &json!({})).await.body(201);
        format!("colloquy, ticket.{}", ticket["ticket"].as_str().unwrap())
    };
    let (one, other) = (ticket().await, ticket().await);
    let mut socket = WebSocket::open(client.address(), &[("Sec-WebSocket-Protocol", &one)]).await.unwrap();
    assert_eq!(ada.request(Method::POST, "/logout").send().await.unwrap().status(), 204);
    assert_eq!(socket.closed().await, 4401);
    let late = WebSocket::open(client.address(), &[("Sec-WebSocket-Protocol", &other)]).await;
    assert_eq!(late.map(drop), Err(401));
}
