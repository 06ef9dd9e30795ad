//! Pieces that reach PostgreSQL after the end of their turn: nobody reads them, and they do not stay.

use diesel::prelude::*;
use reqwest::Method;

use crate::support::client::sent;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::waiting::eventually;

#[tokio::test]
async fn what_came_too_late_is_swept_and_what_runs_is_kept() {
    let installation = Installation::new(Backend::Postgres)
        .set("replica.lease_ms", 2000)
        .set("engine.kind", "scripted")
        .set("engine.scripted.tokens", 3)
        .set("engine.scripted.hang", true);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let asking = tokio::spawn({
        let ada = ada.clone();
        async move { ada.try_send("Why?").await }
    });
    let running = eventually("the text so far is stored", async || {
        ada.running_turn().await.filter(|turn| turn.response.as_deref().is_some_and(|text| !text.is_empty()))
    })
    .await;
    let over = ada.new_conversation().await;
    let path = format!("/api/v1/conversations/{over}/turns");
    let ended = ada.post(&path, &serde_json::json!({"input": "Over?", "background": true})).await;
    let ended: crate::support::reply::Turn = ended.body(202);
    let cancelled = sent(ada.request(Method::POST, &format!("/api/v1/turns/{}/cancel", ended.id))).await;
    assert_eq!(cancelled.status, 202);
    eventually("the other turn has ended", async || (ada.turn(ended.id).await.status != "running").then_some(())).await;

    let mut connection = PgConnection::establish(installation.database().url()).unwrap();
    let late = format!("INSERT INTO turn_pieces (turn_id, start_byte, text) VALUES ('{}', 0, 'late')", ended.id);
    diesel::sql_query(late).execute(&mut connection).unwrap();
    let pieces = "SELECT DISTINCT turn_id::text AS value FROM turn_pieces";
    let left = eventually("only what runs has pieces", async || {
        let left = installation.database().texts(pieces);
        (left.len() == 1).then_some(left)
    })
    .await;
    assert_eq!(left, [Some(running.id.to_string())]);
    assert!(!asking.is_finished(), "it still runs");
}
