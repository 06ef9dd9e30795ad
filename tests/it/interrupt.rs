//! A question that takes the place of the turn that runs in its conversation (`on_busy`).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::outcomes::judge_conversation;
use crate::support::reply::{Reply, Turn};
use crate::support::sse::Transcript;
use crate::support::upstream::{Behaviour, Upstream, text_of};
use crate::support::waiting::{eventually, within_patience};

on_both_stores!(a_question_takes_the_place_of_the_turn_that_runs, of_many_that_interrupt_at_once_one_runs_at_a_time);

/// A turn stops within two seconds, wherever it runs; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(2 + 4);
const ASKED_AT_ONCE: usize = 8;

async fn a_question_takes_the_place_of_the_turn_that_runs(backend: Backend) {
    let (upstream, installation) = endless_at_first(backend).await;
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    interrupted(&upstream, &ada, &ada).await;
}

#[tokio::test]
async fn a_question_takes_the_place_of_a_turn_that_another_replica_runs() {
    let (upstream, installation) = endless_at_first(Backend::Postgres).await;
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    interrupted(&upstream, &ada, &ada.at(&other)).await;
}

async fn endless_at_first(backend: Backend) -> (Upstream, Installation) {
    let endless = Behaviour::Endless("again ".to_owned(), Duration::from_millis(20));
    let upstream = Upstream::start(endless.clone()).await;
    upstream.follow([endless, Behaviour::Tokens(3, Duration::ZERO)]);
    let installation = Installation::new(backend).answered_by(&upstream);
    (upstream, installation)
}

async fn interrupted(upstream: &Upstream, ada: &Caller, interrupter: &Caller) {
    let conversation = ada.new_conversation().await;
    let mut stream = ada.stream(Question::from("Why?").in_conversation(conversation)).await.unwrap();
    let mut cancelled = Transcript::default();
    cancelled.hear_until(&mut stream, "turn.delta").await;
    let running = cancelled.turn_id();

    let second = Question::from("And now?").in_conversation(conversation);
    for polite in [second.clone(), second.clone().with("on_busy", "reject")] {
        assert_eq!(interrupter.send(polite).await.problem(409, "conversation_busy").turn_id, running);
    }
    let begun = Instant::now();
    let answer = interrupter.ask(second.with("on_busy", "interrupt")).await;
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert_eq!((answer.status.as_str(), &answer.response), ("completed", &text_of(3)));

    upstream.left_by(1).await;
    within_patience("the end of the stream", cancelled.hear_all(&mut stream)).await;
    assert_eq!(cancelled.end(), ("turn.cancelled", None));
    let turns = ada.turns(conversation).await;
    let stored: Vec<_> = turns.iter().map(|turn| (turn.seq, turn.status.as_str(), turn.response.as_deref())).collect();
    assert_eq!(stored, [(1, "cancelled", Some(&*cancelled.text)), (2, "completed", Some(&*text_of(3)))]);
    assert_eq!((turns[1].id, turns[1].parent_turn_id), (answer.turn_id, running));

    let asked = upstream.messages();
    assert_eq!(asked.len(), 2, "what was refused asked nobody");
    assert!(asked[1].ends_with(&["Why?".to_owned(), cancelled.text, "And now?".to_owned()]), "{:?}", asked[1]);
}

async fn of_many_that_interrupt_at_once_one_runs_at_a_time(backend: Backend) {
    let server = Installation::new(backend).answering(20, 20).start().await;
    let ada = server.client().newcomer("ada").await;
    many_interrupt(&[ada]).await;
}

#[tokio::test]
async fn of_many_that_interrupt_at_two_replicas_one_runs_at_a_time() {
    let installation = Installation::new(Backend::Postgres).answering(20, 20);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let at_the_other = ada.at(&other);
    many_interrupt(&[ada, at_the_other]).await;
}

async fn many_interrupt(callers: &[Caller]) {
    let ada = &callers[0];
    let conversation = ada.new_conversation().await;
    let mut stream = ada.stream(Question::from("Why?").in_conversation(conversation)).await.unwrap();
    let mut first = Transcript::default();
    first.hear_until(&mut stream, "turn.delta").await;

    let asking =
        join_all((0..ASKED_AT_ONCE).map(|number| interrupt(&callers[number % callers.len()], conversation, number)));
    let watching = async {
        // Until the last of them: everybody has been answered by then.
        eventually("no turn runs, and all have been asked", async || {
            let turns = ada.turns(conversation).await;
            let running = turns.iter().filter(|turn| turn.status == "running").count();
            assert!(running <= 1, "{turns:?}");
            (running == 0 && turns.len() > 1).then_some(())
        })
        .await;
    };
    let (replies, ()) = tokio::join!(asking, watching);
    first.hear_all(&mut stream).await;

    let turns = ada.settled_turns(conversation).await;
    judge_conversation(&turns);
    let accepted: Vec<Turn> = replies.iter().filter_map(turn_of).collect();
    assert!(!accepted.is_empty(), "{replies:?}");
    assert_eq!(turns.len(), 1 + accepted.len(), "what was refused is not there");
    for told in accepted {
        let stored = turns.iter().find(|turn| turn.id == told.id).expect("who was answered has a turn");
        assert_eq!((&stored.status, &stored.response), (&told.status, &told.response));
    }
    for (before, after) in turns.iter().zip(&turns[1..]) {
        assert_eq!(after.parent_turn_id, Some(before.id));
    }
    assert_eq!(turns[0].status, "cancelled");
    assert_eq!(turns.last().unwrap().status, "completed", "nobody interrupted the last");
}

/// Half of them ask at one endpoint, half at the other.
async fn interrupt(caller: &Caller, conversation: Uuid, number: usize) -> Reply {
    let text = format!("question {number}");
    if number.is_multiple_of(4) || number % 4 == 1 {
        let question = Question::from(text.as_str()).in_conversation(conversation);
        return caller.send(question.with("on_busy", "interrupt")).await;
    }
    let body = json!({"input": text, "on_busy": "interrupt"});
    caller.post(&format!("/api/v1/conversations/{conversation}/turns"), &body).await
}

/// What was answered; nothing if it was refused because there was always another.
fn turn_of(reply: &Reply) -> Option<Turn> {
    match reply.status {
        201 => Some(reply.body(201)),
        200 => {
            let answer = reply.answer();
            let (id, status, response) = (answer.turn_id, answer.status, answer.response);
            Some(Turn { id, status, response: Some(response), ..Turn::default() })
        }
        _ => {
            reply.problem(409, "conversation_busy");
            None
        }
    }
}
