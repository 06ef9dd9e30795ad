//! An upstream whose stream is broken (R19, R20): nothing panics, what was told is kept, and nothing is begun again.

use std::time::Duration;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::proxy::{Direction, Proxy};
use crate::support::upstream::{Behaviour, Upstream, finished, text_of, told};

async fn scene(pieces: Vec<Vec<u8>>) -> (Upstream, Server, Caller) {
    let upstream = Upstream::start(Behaviour::Bytes(pieces)).await;
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    (upstream, server, ada)
}

/// The server goes on, and its log knows of no panic.
async fn is_well(server: Server) {
    assert_eq!(server.client().get("/readyz").await.status, 200);
    server.terminate();
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[tokio::test]
async fn r19_characters_that_come_in_pieces_are_put_together() {
    let text = "Ja: 🦀, e\u{301}, שלום, 👩\u{200d}👩\u{200d}👧.";
    let whole = [told(text), finished()].concat();
    for size in [1, 2, 3, 7] {
        let (upstream, server, ada) = scene(whole.chunks(size).map(<[u8]>::to_vec).collect()).await;
        let answer = ada.ask("Why?").await;
        assert_eq!((answer.status.as_str(), answer.response.as_str()), ("completed", text), "in pieces of {size}");
        assert_eq!(upstream.calls(), 1);
        is_well(server).await;
    }
}

fn broken() -> [(&'static str, Vec<u8>); 5] {
    let long_line =
        [b"data: {\"choices\":[{\"delta\":{\"content\":\"", &b"x".repeat(10_000_000)[..], b"\"}}]}\n\n"].concat();
    [
        ("a line of 10 MB", long_line),
        ("bad JSON", b"data: {\"choices\": [{\"del\n\n".to_vec()),
        ("another JSON", b"data: {\"choices\": \"none\"}\n\n".to_vec()),
        ("bytes that are no text", b"data: \xff\xfe\x00\n\n".to_vec()),
        ("no terminator", Vec::new()),
    ]
}

#[tokio::test]
async fn r19_what_was_told_before_a_stream_broke_is_kept() {
    for (what, breakage) in broken() {
        let (upstream, server, ada) = scene(vec![told("half "), told("of it "), breakage]).await;
        let answer = ada.ask("Why?").await;
        assert_eq!(answer.response, "half of it ", "{what}");
        let reason = answer.incomplete_reason.as_deref();
        assert_eq!((answer.status.as_str(), reason), ("incomplete", Some("upstream_error")), "{what}");
        assert_eq!(upstream.calls(), 1, "{what}");
        is_well(server).await;
    }
}

#[tokio::test]
async fn r19_a_stream_that_is_broken_from_the_start_is_a_failure() {
    for (what, breakage) in broken() {
        let (upstream, server, ada) = scene(vec![breakage]).await;
        let reply = ada.send("Why?").await;
        assert_eq!(reply.status, 502, "{what}: {reply:?}");
        let failed = ada.turn(reply.problem(502, "engine_error").turn_id.unwrap()).await;
        assert_eq!((failed.status.as_str(), failed.response), ("failed", None), "{what}");
        assert!(upstream.calls() <= 2, "{what}: {} attempts", upstream.calls());
        is_well(server).await;
    }
}

#[tokio::test]
async fn r19_a_connection_that_is_cut_anywhere_keeps_what_was_told() {
    let upstream = Upstream::start(Behaviour::Tokens(40, Duration::from_millis(2))).await;
    let proxy = Proxy::start(upstream.address());
    let server = Installation::new(Backend::Sqlite).answered_at(proxy.address()).start().await;
    let ada = server.client().newcomer("ada").await;
    let (mut partial, mut nothing) = (0, 0);
    // The head is about 80 bytes, and each token 50.
    for bytes in (0..2000).step_by(97) {
        let calls = upstream.calls();
        proxy.cut_after(Direction::ToClient, bytes);
        let reply = ada.send("Why?").await;
        if reply.status == 200 {
            let answer = reply.answer();
            // Cut before the first token, the question may have been asked again, and then the way was free.
            let is_whole = answer.status == "completed" && upstream.calls() == calls + 2;
            let reason = answer.incomplete_reason.as_deref();
            let is_partial = reason == Some("upstream_error") && upstream.calls() == calls + 1;
            assert!(is_whole || is_partial, "after {bytes} bytes: {answer:?}");
            assert!(text_of(40).starts_with(&answer.response) && !answer.response.is_empty(), "{answer:?}");
            partial += usize::from(is_partial);
        } else {
            assert!([502, 503].contains(&reply.status), "after {bytes} bytes: {reply:?}");
            nothing += 1;
        }
    }
    println!("R19: cut at 21 places, {partial} with text and {nothing} without");
    assert!(partial > 10, "only {partial} were cut in their text");
    proxy.heal();
    is_well(server).await;
}

/// Ways to fail after the first token, each of which would be worth another attempt before it.
fn failing() -> [Behaviour; 3] {
    let overloaded = b"data: {\"error\": {\"message\": \"too busy\", \"type\": \"server_error\", \"code\": 503}}\n\n";
    [
        Behaviour::BreaksAfter(1),
        Behaviour::Bytes(vec![told("1 "), overloaded.to_vec()]),
        Behaviour::Bytes(vec![told("1 ")]),
    ]
}

#[tokio::test]
async fn r20_what_fails_after_its_first_token_is_never_begun_again() {
    for behaviour in failing() {
        let upstream = Upstream::start(behaviour.clone()).await;
        let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
        let ada = server.client().newcomer("ada").await;
        let question = Question::from("Why?").with_key("k");
        let first = ada.ask(question.clone()).await;
        assert_eq!((first.status.as_str(), first.response.as_str()), ("incomplete", "1 "), "{behaviour:?}");
        assert_eq!(upstream.calls(), 1, "{behaviour:?}");

        let again = ada.send(question).await;
        assert!(again.is_replayed());
        assert_eq!((again.answer().turn_id, again.answer().response.as_str()), (first.turn_id, "1 "));
        assert_eq!(upstream.calls(), 1, "a key gives what is stored");
        is_well(server).await;
    }
}

#[tokio::test]
async fn r20_a_stream_that_fails_after_its_first_token_says_so_to_its_reader() {
    for behaviour in failing() {
        let upstream = Upstream::start(behaviour.clone()).await;
        let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
        let ada = server.client().newcomer("ada").await;
        let transcript = ada.stream("Why?").await.unwrap().into_transcript().await;
        assert_eq!((transcript.text.as_str(), transcript.end()), ("1 ", ("turn.incomplete", Some("upstream_error"))));
        let deltas = transcript.events.iter().filter(|event| event.name == "turn.delta").count();
        assert_eq!((deltas, upstream.calls()), (1, 1), "{behaviour:?}");
        is_well(server).await;
    }
}
