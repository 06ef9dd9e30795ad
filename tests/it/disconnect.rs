//! A client that goes away in the middle of an answer changes nothing (R11).

use crate::support::client::Question;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(the_answer_to_a_client_that_left_is_stored);

async fn the_answer_to_a_client_that_left_is_stored(backend: Backend) {
    let server = Installation::new(backend)
        .set("engine.kind", "scripted")
        .set("engine.scripted.tokens", 2)
        // Long enough that the client is seen waiting, and gone before the answer begins.
        .set("engine.scripted.first_token_ms", 1500)
        .start()
        .await;
    let ada = server.client().newcomer("ada").await;
    let question = Question::from("Why?").with_key("k-1");
    let asking = tokio::spawn({
        let (ada, question) = (ada.clone(), question.clone());
        async move { ada.try_send(question).await }
    });
    let running = eventually("the turn runs", async || ada.running_turn().await).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled(), "the client left before there was an answer");

    let ended = eventually("the turn has ended", async || {
        Some(ada.turn(running.id).await).filter(|turn| turn.status != "running")
    })
    .await;
    assert_eq!(ended.status, "completed");
    assert_eq!(ended.response.as_deref(), Some("[0 turns of context] You said: Why? 2"));

    // Whoever did not hear the answer asks again with the same key, and hears it.
    let reply = ada.send(question).await;
    assert!(reply.is_replayed());
    assert_eq!((reply.answer().turn_id, Some(reply.answer().response)), (running.id, ended.response));
}
