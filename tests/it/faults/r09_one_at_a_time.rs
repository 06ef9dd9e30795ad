//! One conversation has one running turn at most, however many ask at once (R9).

use tokio::task::JoinSet;

use crate::support::client::Question;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::{eventually, within_patience};

on_both_stores!(r9_of_a_hundred_questions_at_once_one_is_accepted);

const ASKED: usize = 100;

async fn r9_of_a_hundred_questions_at_once_one_is_accepted(backend: Backend) {
    let installation = Installation::new(backend).noticing_deaths_soon();
    // The one that is accepted runs as long as the others need to hear that they are not.
    let server = installation.clone().set("engine.kind", "scripted").set("engine.scripted.hang", true).start().await;
    let ada = server.client().newcomer("ada").await;
    let conversation = ada.new_conversation().await;

    let mut questions = JoinSet::new();
    for number in 1..=ASKED {
        let ada = ada.clone();
        let text = format!("question {number}");
        questions.spawn(async move { ada.send(Question::from(text.as_str()).in_conversation(conversation)).await });
    }
    let mut named = Vec::new();
    for _ in 1..ASKED {
        let reply = within_patience("a refusal", questions.join_next()).await.unwrap().unwrap();
        named.push(reply.problem(409, "conversation_busy").turn_id);
    }
    assert_eq!(questions.len(), 1, "one is still being answered");
    let turns = ada.turns(conversation).await;
    let [turn] = &turns[..] else { panic!("not one turn: {turns:?}") };
    assert_eq!((turn.seq, turn.status.as_str()), (1, "running"));
    assert!(named.iter().all(|named| *named == Some(turn.id)), "every refusal names the turn that runs");

    questions.detach_all();
    server.kill().await;
    let server = installation.start().await;
    let ada = ada.at(&server);
    let next = eventually("the conversation can be used again", async || {
        let reply = ada.send(Question::from("And now?").in_conversation(conversation)).await;
        (reply.status != 409).then(|| reply.answer())
    })
    .await;
    let turns: Vec<_> = ada.turns(conversation).await.iter().map(|turn| (turn.seq, turn.id)).collect();
    assert_eq!(turns, [(1, turn.id), (2, next.turn_id)], "those that were refused left no gap");
}
