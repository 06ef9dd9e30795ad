//! One `Idempotency-Key`, one turn: at once, later, and over two replicas (R8).

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::waiting::within_patience;

on_both_stores!(a_key_fifty_times_at_once_is_one_turn, a_key_is_for_one_request);

const REPEATED: usize = 50;

async fn a_key_fifty_times_at_once_is_one_turn(backend: Backend) {
    let server = installation(backend).start().await;
    let ada = server.client().newcomer("ada").await;
    one_turn_for_one_key(&[ada]).await;
}

#[tokio::test]
async fn a_key_over_two_replicas_is_one_turn() {
    let installation = installation(Backend::Postgres);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    one_turn_for_one_key(&[ada.clone(), ada.at(&other)]).await;
}

/// So slow that most of the repetitions meet a turn that runs.
fn installation(backend: Backend) -> Installation {
    Installation::new(backend)
        .set("engine.kind", "scripted")
        .set("engine.scripted.tokens", 2)
        .set("engine.scripted.first_token_ms", 300)
}

/// The callers are one, at different servers.
async fn one_turn_for_one_key(callers: &[Caller]) {
    let question = Question::from("Why?").with_key("0190a5c0-once");
    let mut requests = JoinSet::new();
    for caller in callers.iter().cycle().take(REPEATED) {
        let (caller, question) = (caller.clone(), question.clone());
        requests.spawn(async move { caller.send(question).await });
    }
    let replies = within_patience("all replies", requests.join_all()).await;

    let (answered, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    let firsts: Vec<_> = answered.iter().filter(|reply| !reply.is_replayed()).collect();
    let [first] = firsts[..] else { panic!("{} requests were answered for the first time", firsts.len()) };
    let mut turns: BTreeSet<_> = refused.iter().map(|reply| reply.problem(409, "turn_in_progress").turn_id).collect();
    assert!(!turns.is_empty(), "some came while the turn ran");
    turns.extend(answered.iter().map(|reply| Some(reply.answer().turn_id)));
    assert_eq!(turns.len(), 1, "one turn for all: {turns:?}");

    let first = first.answer();
    for caller in callers {
        let later = caller.send(question.clone()).await;
        assert!(later.is_replayed());
        let later = later.answer();
        assert_eq!((later.turn_id, later.response), (first.turn_id, first.response.clone()));
        assert_eq!(caller.turns(first.conversation_id).await.len(), 1);
    }
}

async fn a_key_is_for_one_request(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let ada = server.client().newcomer("ada").await;
    let first = ada.ask(Question::from("My name is Ada.").with_key("k")).await;

    let other_body = ada.send(Question::from("What is my name?").with_key("k")).await;
    other_body.problem(422, "idempotency_key_reused");
    let again = ada.send(Question::from("My name is Ada.").with_key("k")).await;
    assert!(again.is_replayed());
    assert_eq!(again.answer().turn_id, first.turn_id);
    assert_eq!(ada.turns(first.conversation_id).await.len(), 1);

    // Keys are each user's own.
    let bob = server.client().newcomer("bob").await;
    let reply = bob.send(Question::from("My name is Bob.").with_key("k")).await;
    assert!(!reply.is_replayed());
    assert_eq!(reply.answer().response, "Nice to meet you, Bob.");
}
