//! SIGTERM while many answers are being streamed (R12): everybody hears an end, and the process goes in time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::on_both_stores;
use crate::support::scale::scaled;
use crate::support::sse::Transcript;
use crate::support::waiting::{eventually, within_patience};
use crate::support::websocket::text_of;

on_both_stores!(
    r12_answers_that_end_in_time_are_completed,
    r12_answers_that_do_not_end_are_cut_and_say_so,
    r12_a_second_sigterm_ends_at_once,
    r12_a_socket_hears_the_end_of_its_turns_and_is_closed,
);

/// A second is the promise; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(1 + 2);

async fn r12_answers_that_end_in_time_are_completed(backend: Backend) {
    let server = Installation::new(backend).answering(60, 50).set("server.shutdown_seconds", 20).start().await;
    let ada = server.client().newcomer("ada").await;
    let readers = streaming(&ada).await;
    drains(&server).await;
    for transcript in within_patience("the end of all streams", readers.join_all()).await {
        assert_eq!(transcript.end(), ("turn.completed", None));
        assert!(transcript.text.ends_with(" 60"), "{}", transcript.text);
    }
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

async fn r12_answers_that_do_not_end_are_cut_and_say_so(backend: Backend) {
    let installation = Installation::new(backend);
    let endless = installation.clone().answering(1, 20).set("engine.scripted.endless", true);
    let server = endless.set("server.shutdown_seconds", 2).start().await;
    let ada = server.client().newcomer("ada").await;
    let readers = streaming(&ada).await;
    let begun = Instant::now();
    drains(&server).await;
    let refused = ada.send("And now?").await;
    refused.problem(503, "draining");
    let transcripts = within_patience("the end of all streams", readers.join_all()).await;
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(2 + 5) + SOON, "it took {:?}", begun.elapsed());

    let server = installation.start().await;
    let ada = ada.at(&server);
    for transcript in transcripts {
        assert_eq!(transcript.end(), ("turn.incomplete", Some("server_restart")));
        let stored = ada.turn(transcript.turn_id().unwrap()).await;
        assert_eq!((stored.status.as_str(), stored.response), ("incomplete", Some(transcript.text)));
    }
}

async fn r12_a_second_sigterm_ends_at_once(backend: Backend) {
    let hanging = Installation::new(backend).answering(3, 0).set("engine.scripted.hang", true);
    let server = hanging.set("server.shutdown_seconds", 25).start().await;
    let ada = server.client().newcomer("ada").await;
    let readers = streaming(&ada).await;
    drains(&server).await;
    let begun = Instant::now();
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(5) + SOON, "it took {:?}", begun.elapsed());
    within_patience("the end of all streams", readers.join_all()).await;
}

async fn r12_a_socket_hears_the_end_of_its_turns_and_is_closed(backend: Backend) {
    for (hangs, last) in [(false, ["turn.completed", "completed"]), (true, ["turn.incomplete", "incomplete"])] {
        let installation = Installation::new(backend);
        let answering = installation.clone().answering(20, 50).set("engine.scripted.hang", hangs);
        let server = answering.set("server.shutdown_seconds", 4).start().await;
        let ada = server.client().newcomer("ada").await;
        let mut socket = ada.web_socket().await.unwrap();
        let mut frames = Vec::new();
        for conversation in ada.new_conversations(3).await {
            socket.send(&json!({"type": "turn.create", "input": "Why?", "conversation_id": conversation})).await;
            frames.extend(socket.until(&["turn.created"]).await);
        }
        drains(&server).await;
        socket.send(&json!({"type": "turn.create", "input": "And now?"})).await;
        let (refused, code) = loop {
            match socket.next().await {
                Ok(frame) => frames.push(frame),
                Err(code) => break (frames.iter().filter(|frame| frame["error"]["code"] == "draining").count(), code),
            }
        };
        assert_eq!((refused, code), (1, 1001), "{frames:?}");
        let ended = server.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");

        let server = installation.start().await;
        let ada = ada.at(&server);
        let ends: Vec<_> = frames.iter().filter(|frame| frame["type"] == last[0]).collect();
        assert_eq!(ends.len(), 3, "{frames:?}");
        for end in ends {
            let told: Vec<_> = frames.iter().filter(|frame| frame["turn_id"] == end["turn_id"]).cloned().collect();
            let stored = ada.turn(end["turn_id"].as_str().unwrap().parse().unwrap()).await;
            assert_eq!((stored.status.as_str(), stored.response), (last[1], Some(text_of(&told))));
            assert_eq!(end["incomplete_reason"].as_str(), stored.incomplete_reason.as_deref());
            assert_eq!(stored.incomplete_reason.as_deref(), hangs.then_some("server_restart"));
        }
    }
}

/// Many readers, each of whom has heard something.
async fn streaming(ada: &Caller) -> JoinSet<Transcript> {
    let conversations = ada.new_conversations(scaled(20)).await;
    let begun = conversations.into_iter().map(async |conversation| {
        let mut stream = ada.stream(Question::from("Why?").in_conversation(conversation)).await.unwrap();
        let mut transcript = Transcript::default();
        transcript.hear_until(&mut stream, "turn.delta").await;
        (stream, transcript)
    });
    let mut readers = JoinSet::new();
    for (mut stream, mut transcript) in join_all(begun).await {
        readers.spawn(async move {
            transcript.hear_all(&mut stream).await;
            transcript
        });
    }
    readers
}

/// Sends the signal, and sees that the server says so.
async fn drains(server: &Server) {
    let client = server.client();
    let begun = Instant::now();
    server.terminate();
    let refused = eventually("the server says that it is going", async || {
        Some(client.get("/readyz").await).filter(|reply| reply.status != 200)
    });
    refused.await.problem(503, "draining");
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
}
