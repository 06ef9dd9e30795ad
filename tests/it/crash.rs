//! `kill -9` of the server: what was acknowledged is there, and nothing stays busy for ever (R10, R26).

use std::collections::HashMap;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::on_both_stores;
use crate::support::reply::{Answer, Turn};
use crate::support::waiting::{eventually, within_patience};

on_both_stores!(no_acknowledged_turn_is_lost, a_turn_that_hung_is_closed_with_the_text_it_had);

const USERS: usize = 20;
/// How many answers there are when the server is killed.
const ENOUGH: usize = 100;

struct Acknowledged {
    user: usize,
    question: String,
    answer: Answer,
}

async fn no_acknowledged_turn_is_lost(backend: Backend) {
    // Slow enough that at any moment most of the users wait for an answer.
    let installation = Installation::new(backend)
        .noticing_deaths_soon()
        .set("engine.kind", "scripted")
        .set("engine.scripted.tokens", 4)
        .set("engine.scripted.first_token_ms", 100)
        .set("engine.scripted.token_ms", 50);
    let server = installation.start().await;
    let callers = newcomers(&server).await;

    let (acknowledge, mut inbox) = unbounded_channel();
    let mut chats = JoinSet::new();
    for (user, caller) in callers.iter().cloned().enumerate() {
        chats.spawn(chat_until_it_breaks(user, caller, acknowledge.clone()));
    }
    drop(acknowledge);
    let mut acknowledged = within_patience("enough answers", take(ENOUGH, &mut inbox)).await;
    server.kill().await;
    within_patience("the end of all chats", chats.join_all()).await;
    while let Ok(last) = inbox.try_recv() {
        acknowledged.push(last);
    }

    let server = installation.start().await;
    let mut interrupted = 0;
    for (user, caller) in callers.iter().enumerate() {
        let turns = settled(&caller.at(&server)).await;
        check_history(&turns);
        interrupted += turns.iter().filter(|turn| turn.incomplete_reason.is_some()).count();
        for Acknowledged { question, answer, .. } in acknowledged.iter().filter(|it| it.user == user) {
            let stored: Vec<&Turn> = turns.iter().filter(|turn| turn.id == answer.turn_id).collect();
            let [turn] = stored[..] else { panic!("turn {} is there {} times", answer.turn_id, stored.len()) };
            assert_eq!(turn.status, "completed");
            assert_eq!(turn.request_question, *question);
            assert_eq!(turn.response.as_deref(), Some(answer.response.as_str()));
        }
    }
    assert!(interrupted > 0, "the kill came while answers were being made");
}

async fn newcomers(server: &Server) -> Vec<Caller> {
    let mut newcomers = JoinSet::new();
    for user in 0..USERS {
        let client = server.client();
        newcomers.spawn(async move { client.newcomer(&format!("user{user}")).await });
    }
    newcomers.join_all().await
}

/// One question after the other, each another text, until the connection breaks.
async fn chat_until_it_breaks(user: usize, caller: Caller, acknowledge: UnboundedSender<Acknowledged>) {
    for number in 1.. {
        let question = format!("question {number} of user {user}");
        let Ok(reply) = caller.try_send(question.as_str()).await else { return };
        acknowledge.send(Acknowledged { user, question, answer: reply.answer() }).unwrap();
    }
}

async fn take(count: usize, inbox: &mut UnboundedReceiver<Acknowledged>) -> Vec<Acknowledged> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(inbox.recv().await.expect("the chats go on until the server is killed"));
    }
    taken
}

/// The caller's history, once nothing in it runs any more.
async fn settled(caller: &Caller) -> Vec<Turn> {
    let conversations = caller.conversations().await;
    let [conversation] = conversations[..] else { panic!("not one conversation: {conversations:?}") };
    eventually("no turn is running", async || {
        let turns = caller.turns(conversation).await;
        turns.iter().all(|turn| turn.status != "running").then_some(turns)
    })
    .await
}

/// No gap, no question twice, and whatever is not complete says that the server was restarted.
fn check_history(turns: &[Turn]) {
    let seqs: Vec<i64> = turns.iter().map(|turn| turn.seq).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len().try_into().unwrap()), "{seqs:?}");
    let mut asked: HashMap<&str, Uuid> = HashMap::new();
    for turn in turns {
        assert_eq!(asked.insert(&turn.request_question, turn.id), None, "{} is there twice", turn.request_question);
        let expected = if turn.status == "incomplete" { Some("server_restart") } else { None };
        assert_eq!(turn.incomplete_reason.as_deref(), expected);
        assert!(["completed", "incomplete"].contains(&turn.status.as_str()), "{}", turn.status);
    }
}

async fn a_turn_that_hung_is_closed_with_the_text_it_had(backend: Backend) {
    const TOLD: &str = "[0 turns of context] You said: Why? 2 3";
    let installation = Installation::new(backend).noticing_deaths_soon();
    let hanging = installation
        .clone()
        .set("engine.kind", "scripted")
        .set("engine.scripted.tokens", 3)
        .set("engine.scripted.hang", true);
    let server = hanging.start().await;
    let ada = server.client().newcomer("ada").await;
    let asking = tokio::spawn({
        let ada = ada.clone();
        async move { ada.try_send("Why?").await }
    });
    let running = eventually("the text so far is stored", async || {
        ada.running_turn().await.filter(|turn| turn.response.as_deref() == Some(TOLD))
    })
    .await;
    server.kill().await;
    assert!(asking.await.unwrap().is_err(), "there was no answer to send");

    let server = installation.start().await;
    let ada = ada.at(&server);
    let closed = eventually("the turn of the dead server is closed", async || {
        Some(ada.turn(running.id).await).filter(|turn| turn.status != "running")
    })
    .await;
    assert_eq!((closed.status.as_str(), closed.incomplete_reason.as_deref()), ("incomplete", Some("server_restart")));
    assert_eq!(closed.response.as_deref(), Some(TOLD));

    let next = ada.ask("My name is Ada.").await;
    let seqs: Vec<_> = ada.turns(next.conversation_id).await.iter().map(|turn| (turn.seq, turn.id)).collect();
    assert_eq!(seqs, [(1, closed.id), (2, next.turn_id)]);
}
