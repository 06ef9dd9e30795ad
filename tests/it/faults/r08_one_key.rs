//! One `Idempotency-Key` many times at once, over two replicas (R8): one turn, and the engine is asked once.
//!
//! `idempotency.rs` has the same with an engine that cannot count, on both stores, and the rest of what keys promise.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::support::client::Question;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::sse::Transcript;
use crate::support::upstream::{Behaviour, Upstream, text_of};
use crate::support::waiting::within_patience;

const REPEATED: usize = 50;

#[tokio::test]
async fn r8_one_key_over_two_replicas_is_one_turn_and_one_engine_call() {
    let upstream = Upstream::start(Behaviour::Tokens(5, Duration::from_millis(100))).await;
    let installation = Installation::new(Backend::Postgres).answered_by(&upstream);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let callers = [ada.clone(), ada.at(&other)];
    let question = Question::from("Why?").with_key("once");

    let replies = join_all((0..REPEATED).map(|number| callers[number % 2].send(question.clone())));
    let replies = within_patience("all replies", replies).await;
    let mut turns = BTreeSet::new();
    for reply in &replies {
        if reply.status == 200 {
            let answer = reply.answer();
            assert_eq!(answer.response, text_of(5));
            turns.insert(answer.turn_id);
        } else {
            turns.extend(reply.problem(409, "turn_in_progress").turn_id);
        }
    }
    let firsts = replies.iter().filter(|reply| reply.status == 200 && !reply.is_replayed()).count();
    assert_eq!((firsts, turns.len(), upstream.calls()), (1, 1, 1), "{turns:?}");
    let [conversation] = ada.conversations().await[..] else { panic!("not one conversation") };
    assert_eq!(ada.turns(conversation).await.len(), 1);
}

#[tokio::test]
async fn r8_one_key_over_two_replicas_is_one_stream_for_all_its_readers() {
    let upstream = Upstream::start(Behaviour::Tokens(10, Duration::from_millis(100))).await;
    let installation = Installation::new(Backend::Postgres).answered_by(&upstream);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let callers = [ada.clone(), ada.at(&other)];
    let question = Question::from("Why?").with_key("once");

    let streams = (0..REPEATED)
        .map(async |number| callers[number % 2].stream(question.clone()).await.unwrap().into_transcript().await);
    let transcripts = within_patience("all streams", join_all(streams)).await;
    for transcript in &transcripts {
        assert_eq!((transcript.text.as_str(), transcript.end()), (text_of(10).as_str(), ("turn.completed", None)));
    }
    let turns: BTreeSet<_> = transcripts.iter().map(Transcript::turn_id).collect();
    assert_eq!((turns.len(), upstream.calls()), (1, 1), "{turns:?}");
}
