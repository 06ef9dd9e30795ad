//! A database that stands still, or whose answers do not arrive, while its machine goes on acknowledging packets.

use std::net::SocketAddr;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::proxy::Proxy;
use crate::support::waiting::{eventually, within_patience};

#[tokio::test]
async fn nobody_waits_for_a_store_that_says_nothing() {
    let installation = Installation::new(Backend::Postgres);
    let url = installation.database().url().to_owned();
    let address: SocketAddr = url.split_once('@').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    let proxy = Proxy::start(address);
    let through = url.replace(&address.to_string(), &proxy.address().to_string());
    let server = installation.variable("DATABASE_URL", through).set("database.statement_timeout_ms", 500).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    ada.ask("My name is Ada.").await;

    proxy.fall_silent();
    let question = serde_json::json!({ "question": "What is my name?" });
    let unanswered =
        async { tokio::join!(client.get("/readyz"), ada.get("/api/v1/conversations"), ada.post("/chat", &question)) };
    let (ready, conversations, answer) = within_patience("an answer without the store", unanswered).await;
    assert_eq!((ready.status, conversations.status, answer.status), (503, 503, 503));
    assert_eq!(client.get("/healthz").await.status, 200);

    proxy.heal();
    let recalled = eventually("an answer with the store", async || {
        let reply = ada.post("/chat", &question).await;
        (reply.status == 200).then(|| reply.answer().response)
    });
    assert_eq!(recalled.await, "Your name is Ada.");
    assert_eq!(client.get("/readyz").await.status, 200);
}
