//! A client that goes away in mid-stream (R11): the turn goes on, unless it was to stop with its reader.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Turn;
use crate::support::sse::{EventStream, Transcript};
use crate::support::upstream::{Behaviour, Upstream};
use crate::support::waiting::{eventually, within_patience};

on_both_stores!(
    r11_the_answer_to_a_reader_that_left_is_stored,
    r11_a_cancel_closes_the_upstream_soon,
    r11_who_wants_a_turn_to_stop_with_the_stream_gets_that,
    r11_who_wants_a_turn_to_stop_with_the_request_gets_that,
);

/// Two seconds is the promise; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(2 + 2);

async fn r11_the_answer_to_a_reader_that_left_is_stored(backend: Backend) {
    let server = Installation::new(backend).answering(40, 25).start().await;
    let ada = server.client().newcomer("ada").await;
    let mut stream = ada.stream("Why?").await.unwrap();
    let mut left = Transcript::default();
    left.hear_until(&mut stream, "turn.delta").await;
    drop(stream);

    let turn = ada.ended_turn(left.turn_id().unwrap()).await;
    let response = turn.response.unwrap();
    assert_eq!(turn.status, "completed");
    assert!(response.ends_with(" 40") && response.starts_with(&left.text), "{response}");
    // From the start and from where the reader left, now that it is over.
    let whole = ada.events(turn.id).await.into_transcript().await;
    assert_eq!((&whole.text, whole.end()), (&response, ("turn.completed", None)));
    let after = left.last_id().unwrap().to_owned();
    left.hear_all(&mut ada.events_after(turn.id, &after).await).await;
    assert_eq!((&left.text, left.end()), (&response, ("turn.completed", None)));
}

async fn r11_a_cancel_closes_the_upstream_soon(backend: Backend) {
    let scene = Scene::set(backend).await;
    let server = scene.installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let (stream, transcript) = scene.begun(&ada, Question::from("Why?")).await;
    cancelled(&scene, &ada, &ada, stream, transcript).await;
    server.kill().await;
}

#[tokio::test]
async fn r11_a_cancel_at_another_replica_closes_the_upstream_soon() {
    let scene = Scene::set(Backend::Postgres).await;
    let (one, other) = (scene.installation.start().await, scene.installation.start().await);
    let ada = one.client().newcomer("ada").await;
    let (stream, transcript) = scene.begun(&ada, Question::from("Why?")).await;
    cancelled(&scene, &ada, &ada.at(&other), stream, transcript).await;
}

async fn r11_who_wants_a_turn_to_stop_with_the_stream_gets_that(backend: Backend) {
    let scene = Scene::set(backend).await;
    let server = scene.installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let (stream, transcript) = scene.begun(&ada, Question::from("Why?").with("on_disconnect", "cancel")).await;
    let begun = Instant::now();
    drop(stream);
    scene.upstream.left_by(1).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let turn = ada.ended_turn(transcript.turn_id().unwrap()).await;
    assert_eq!(turn.status, "cancelled");
    assert!(turn.response.unwrap().starts_with(&transcript.text));
}

async fn r11_who_wants_a_turn_to_stop_with_the_request_gets_that(backend: Backend) {
    let scene = Scene::set(backend).await;
    let server = scene.installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let asking = tokio::spawn({
        let ada = ada.clone();
        async move { ada.try_send(Question::from("Why?").with("on_disconnect", "cancel")).await }
    });
    let running = eventually("the turn has some text", async || {
        ada.running_turn().await.filter(|turn| turn.response.as_deref().is_some_and(|text| !text.is_empty()))
    })
    .await;
    let begun = Instant::now();
    asking.abort();
    scene.upstream.left_by(1).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(ada.ended_turn(running.id).await.status, "cancelled");
}

/// An engine that never ends by itself.
struct Scene {
    upstream: Upstream,
    installation: Installation,
}

impl Scene {
    async fn set(backend: Backend) -> Self {
        let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(20))).await;
        let installation = Installation::new(backend).answered_by(&upstream);
        Self { upstream, installation }
    }

    /// An answer of which something has been heard.
    async fn begun(&self, ada: &Caller, question: Question) -> (EventStream, Transcript) {
        let mut stream = ada.stream(question).await.unwrap();
        let mut transcript = Transcript::default();
        transcript.hear_until(&mut stream, "turn.delta").await;
        (stream, transcript)
    }
}

async fn cancelled(scene: &Scene, ada: &Caller, canceller: &Caller, mut stream: EventStream, mut heard: Transcript) {
    let turn = heard.turn_id().unwrap();
    let begun = Instant::now();
    assert_eq!(canceller.cancel(turn).await.status, 202);
    scene.upstream.left_by(1).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    within_patience("the end of the stream", heard.hear_all(&mut stream)).await;
    assert_eq!(heard.end(), ("turn.cancelled", None));
    for caller in [ada, canceller] {
        let Turn { status, response, .. } = caller.ended_turn(turn).await;
        assert_eq!((status.as_str(), response.as_deref()), ("cancelled", Some(heard.text.as_str())));
        let again = caller.cancel(turn).await;
        assert_eq!(again.body::<serde_json::Value>(202)["status"], "cancelled");
    }
    canceller.cancel(Uuid::now_v7()).await.problem(404, "not_found");
    let bob = ada.client().newcomer("bob").await;
    bob.cancel(turn).await.problem(404, "not_found");
    assert_eq!(scene.upstream.calls(), 1);
}
