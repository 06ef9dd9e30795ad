//! Resuming is exact (R11): wherever a reader was cut, and at whichever replica it comes back, it has every byte once.

use std::time::Instant;

use reqwest::Method;

use crate::support::client::{Caller, Question, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Turn;
use crate::support::scale::scaled;
use crate::support::sse::Transcript;
use crate::support::waiting::PATIENCE;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        // The constants of Knuth's MMIX; the low bits are the poor ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[tokio::test]
async fn r11_a_cut_and_resumed_reader_has_every_byte_once() {
    let stored = everybody_has_everything_once(odd_answers()).await;
    assert_eq!(stored.parts, None);
}

#[tokio::test]
async fn r11_a_cut_and_resumed_reader_has_every_part_once() {
    let stored = everybody_has_everything_once(odd_answers().set("engine.scripted.parts", true)).await;
    let parts = stored.parts.unwrap();
    let count = |kind: &str| parts.iter().filter(|part| part["type"] == kind).count();
    assert_eq!(["text", "table", "image"].map(count), [40, 27, 13]);
    let picture = parts.iter().find(|part| part["type"] == "image").unwrap();
    assert_eq!(picture["url"].as_str(), stored.graph_url.as_deref());
}

fn odd_answers() -> Installation {
    Installation::new(Backend::Postgres).answering(120, 20).set("engine.scripted.odd_utf8", true)
}

/// Cuts readers off and lets them come back at either replica, while the answer is being made and after. Gives the last
/// turn that they read.
async fn everybody_has_everything_once(installation: Installation) -> Turn {
    let mut last = None;
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let replicas = [ada.clone(), ada.at(&other)];
    for seed in 0..u64::try_from(scaled(2)).unwrap() {
        let conversation = ada.new_conversation().await;
        let question = Question::from("Why 🦀?").in_conversation(conversation);
        let mut uncut = ada.stream(question).await.unwrap();
        let mut whole = Transcript::default();
        whole.hear_until(&mut uncut, "turn.created").await;
        let turn = whole.turn_id().unwrap();
        // Four readers are cut again and again while the answer is being made; one reads it through.
        let readers = (0..4).map(|reader| cut_and_resumed(&replicas, turn, seed * 100 + reader));
        let readers = futures_util::future::join_all(readers);
        let ((), readers) = tokio::join!(whole.hear_all(&mut uncut), readers);

        let stored = ada.ended_turn(turn).await;
        assert_eq!((stored.status.as_str(), whole.end()), ("completed", ("turn.completed", None)));
        let has_everything = |transcript: &Transcript, whose: &str| {
            assert_eq!(Some(&transcript.text), stored.response.as_ref(), "of {whose}, with seed {seed}");
            assert_eq!(transcript.all_parts(), stored.parts, "of {whose}, with seed {seed}");
        };
        has_everything(&whole, "the one that was not cut");
        assert!(whole.text.contains('🦀') && whole.text.contains('\u{10ffff}'), "{stored:?}");
        let mut cuts = 0;
        for (reader, (transcript, cut)) in readers.into_iter().enumerate() {
            has_everything(&transcript, &format!("reader {reader}"));
            assert_eq!(transcript.end(), ("turn.completed", None));
            cuts += cut;
        }
        // And once it is over, at every boundary and at either replica.
        for (number, event) in whole.events.iter().enumerate().filter(|(_, event)| event.id.is_some()) {
            let id = event.id.as_deref().unwrap();
            let mut resumed = Transcript::default();
            for event in &whole.events[..=number] {
                resumed.hear(event.clone());
            }
            if resumed.terminal().is_none() {
                resumed.hear_all(&mut replicas[number % 2].events_after(turn, id).await).await;
                has_everything(&resumed, &format!("one that came back after {id}"));
            }
        }
        println!("R11: {cuts} cuts with seed {seed}");
        last = Some(stored);
    }
    last.expect("there was one seed at least")
}

/// What a reader has who is cut after some bytes again and again, in the middle of events and of characters, until it
/// has heard the end; and how often it was cut.
async fn cut_and_resumed(replicas: &[Caller; 2], turn: uuid::Uuid, seed: u64) -> (Transcript, usize) {
    let mut dice = Dice(seed);
    let mut transcript = Transcript::default();
    let begun = Instant::now();
    for cuts in 0.. {
        assert!(begun.elapsed() < PATIENCE, "seed {seed} comes to no end: {:?}", transcript.events.last());
        let replica = &replicas[usize::try_from(dice.below(2)).unwrap()];
        let stream = match transcript.last_id().map(str::to_owned) {
            Some(id) => replica.events_after(turn, &id).await,
            None => replica.events(turn).await,
        };
        // Never so few that a reader gets nowhere: the first event is about 300 bytes.
        let bytes = 300 + usize::try_from(dice.below(900)).unwrap();
        let mut stream = stream.cut_after(bytes);
        transcript.hear_all(&mut stream).await;
        assert!(stream.raw.len() <= bytes);
        if transcript.terminal().is_some() {
            return (transcript, cuts);
        }
    }
    unreachable!()
}

#[tokio::test]
async fn r11_a_place_that_does_not_exist_is_refused() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let ada = server.client().newcomer("ada").await;
    let turn = ada.ask("My name is Ada.").await.turn_id;
    let path = format!("/api/v1/turns/{turn}/events");
    for nowhere in ["1", "0.x", "-1.0", "0.-1", "0.0.0", "0.", ".0", "0.1234567890123456789", "last"] {
        let problem = ada.get(&format!("{path}?starting_after={nowhere}")).await.problem(422, "validation_failed");
        assert_eq!(problem.errors[0].pointer, "/starting_after", "{nowhere:?}");
        let request = ada.request(Method::GET, &path).header("last-event-id", nowhere);
        sent(request).await.problem(400, "invalid_request");
    }
    ada.get(&format!("{path}?starting_after=")).await.problem(422, "validation_failed");
    ada.get(&format!("{path}?starting_after=0.0&starting_after=0.1")).await.problem(422, "validation_failed");
    // A browser that has heard nothing yet sends nothing in it.
    let from_the_start = sent(ada.request(Method::GET, &path).header("last-event-id", "")).await;
    assert!(from_the_start.status == 200 && from_the_start.text.starts_with("event: turn.created"));
}
