//! SIGTERM: the server says that it goes, ends what runs, and goes (R12).

use reqwest::Method;

use crate::support::client::sent;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(a_running_turn_is_ended_and_its_asker_told);

async fn a_running_turn_is_ended_and_its_asker_told(backend: Backend) {
    const TOLD: &str = "[0 turns of context] You said: Why? 2 3";
    let installation = Installation::new(backend);
    let hanging = installation
        .clone()
        .set("server.shutdown_seconds", 3)
        .set("engine.kind", "scripted")
        .set("engine.scripted.tokens", 3)
        .set("engine.scripted.hang", true);
    let server = hanging.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let asking = tokio::spawn({
        let ada = ada.clone();
        async move { ada.ask("Why?").await }
    });
    let running = eventually("the turn runs", async || ada.running_turn().await).await;

    server.terminate();
    let refused = eventually("the server says that it is going", async || {
        let reply = sent(client.request(Method::GET, "/readyz")).await;
        (reply.status != 200).then_some(reply)
    })
    .await;
    refused.problem(503, "draining");

    let answer = asking.await.unwrap();
    assert_eq!((answer.turn_id, answer.response.as_str()), (running.id, TOLD));
    assert_eq!((answer.status.as_str(), answer.incomplete_reason.as_deref()), ("incomplete", Some("server_restart")));
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let server = installation.start().await;
    let stored = ada.at(&server).turn(running.id).await;
    assert_eq!((stored.status.as_str(), stored.response.as_deref()), ("incomplete", Some(TOLD)));
}
