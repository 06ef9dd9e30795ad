//! A row that somebody else holds is the trouble of whoever needs it, and of nobody else (PostgreSQL).

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use futures_util::future::join_all;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::waiting::eventually;

#[tokio::test]
async fn one_held_conversation_does_not_keep_others_from_being_answered() {
    let installation = Installation::new(Backend::Postgres);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let others = join_all(["bob", "carl", "dora", "emil"].map(async |name| server.client().newcomer(name).await)).await;
    let held = ada.ask("My name is Ada.").await.conversation_id;

    let mut holder = PgConnection::establish(installation.database().url()).unwrap();
    holder.batch_execute(&format!("BEGIN; SELECT 1 FROM conversations WHERE id = '{held}' FOR UPDATE")).unwrap();
    let question = serde_json::json!({ "question": "What is my name?" });
    // They come together again and again, so that they share batches.
    let unlucky = || async {
        loop {
            let refused = ada.post("/chat", &question).await;
            assert_eq!(refused.status, 503, "{refused:?}");
        }
    };
    let undisturbed = others.iter().map(async |other| {
        for n in 0..5 {
            assert_eq!(
                other.ask(format!("My name is N{n}.").as_str()).await.response,
                format!("Nice to meet you, N{n}.")
            );
        }
    });
    tokio::select! {
        _ = join_all(undisturbed) => {}
        () = unlucky() => {}
        () = unlucky() => {}
    }

    holder.batch_execute("ROLLBACK").unwrap();
    // What was on its way when the others were done may be answered first.
    let recalled = eventually("an answer in the conversation that was held", async || {
        let reply = ada.post("/chat", &question).await;
        (reply.status == 200).then(|| reply.answer().response)
    });
    assert_eq!(recalled.await, "Your name is Ada.");
}
