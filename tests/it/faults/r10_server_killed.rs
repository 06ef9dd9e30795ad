//! `kill -9` of the server while it streams (R10): every question is there, with nearly all that was told of its answer.
//!
//! `crash.rs` has the same for whole answers.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::outcomes::judge_conversation;
use crate::support::sse::{EventStream, Transcript};
use crate::support::waiting::within_patience;

on_both_stores!(r10_what_was_streamed_outlives_a_kill);

/// How much later than its reader the store may know a text. A second is the promise; the rest is for a machine that
/// has too much to do.
const LAG: Duration = Duration::from_secs(1 + 1);
/// How many answers are told when the server is killed.
const STREAMS: usize = 100;
/// How long each answer has been going on when the server is killed.
const LONG_ENOUGH: Duration = Duration::from_secs(4);

async fn r10_what_was_streamed_outlives_a_kill(backend: Backend) {
    let installation = Installation::new(backend).set("replica.lease_ms", 2000).answering(100_000, 20);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let conversations = ada.new_conversations(STREAMS).await;

    let (ripe, mut ripened) = unbounded_channel();
    let mut readers = JoinSet::new();
    for conversation in &conversations {
        let question = Question::from(format!("Why {conversation}?").as_str()).in_conversation(*conversation);
        let stream = ada.stream(question).await.unwrap();
        readers.spawn(read(stream, ripe.clone()));
    }
    for _ in &conversations {
        within_patience("every answer has been going on for long", ripened.recv()).await;
    }
    let killed = Instant::now();
    server.kill().await;
    let transcripts = within_patience("the end of all streams", readers.join_all()).await;

    let server = installation.start().await;
    let ada = ada.at(&server);
    let mut worst = Duration::ZERO;
    for transcript in transcripts {
        assert!(transcript.terminal().is_none(), "nobody was there to end it");
        worst = worst.max(lag(&ada, transcript, killed).await);
    }
    for conversation in conversations {
        let turns = ada.settled_turns(conversation).await;
        judge_conversation(&turns);
        let [turn] = &turns[..] else { panic!("not one turn: {turns:?}") };
        assert_eq!(turn.request_question, format!("Why {conversation}?"));
    }
    println!("R10: at worst, what was told {worst:?} before the kill was not stored");
}

async fn read(mut stream: EventStream, ripe: UnboundedSender<()>) -> Transcript {
    let mut transcript = Transcript::default();
    let mut is_ripe = false;
    while let Some(event) = stream.next().await {
        transcript.hear(event);
        let (first, last) = (transcript.events[0].at, transcript.events[transcript.events.len() - 1].at);
        if !is_ripe && last - first > LONG_ENOUGH {
            is_ripe = true;
            ripe.send(()).unwrap();
        }
    }
    transcript
}

/// How old the oldest text was that had been told and is not stored. What is stored, and how it ended, is as promised,
/// and the reader who comes back has it in the end.
async fn lag(ada: &Caller, mut transcript: Transcript, killed: Instant) -> Duration {
    let turn = ada.ended_turn(transcript.turn_id().unwrap()).await;
    assert_eq!((turn.status.as_str(), turn.incomplete_reason.as_deref()), ("incomplete", Some("server_restart")));
    let stored = turn.response.unwrap();
    let told = &transcript.text;
    assert!(stored.starts_with(told.as_str()) || told.starts_with(&stored), "{stored:?} is not of {told:?}");
    let mut length = 0;
    let lost = transcript.events.iter().find(|event| {
        length += event.data["text"].as_str().map_or(0, str::len);
        length > stored.len()
    });
    let lag = lost.map_or(Duration::ZERO, |lost| killed.saturating_duration_since(lost.at));
    assert!(lag <= LAG, "what was told {lag:?} before the kill is not stored");

    let after = transcript.last_id().unwrap().to_owned();
    transcript.hear_all(&mut ada.events_after(turn.id, &after).await).await;
    assert_eq!(transcript.end(), ("turn.incomplete", Some("server_restart")));
    assert_eq!(transcript.text, stored, "whoever was ahead has cut its copy");
    lag
}
