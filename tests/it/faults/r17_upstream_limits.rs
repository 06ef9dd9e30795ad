//! An upstream that falls silent, or does not stop (R17, R18): the turn ends all the same, with what there was.

use std::time::Duration;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::proxy::Proxy;
use crate::support::reply::{Answer, Turn};
use crate::support::upstream::{Behaviour, Upstream, text_of};
use crate::support::waiting::eventually;

/// A server whose engine is limited so, and somebody to ask.
async fn scene(behaviour: Behaviour, limits: &[(&str, u64)]) -> (Upstream, Server, Caller) {
    let upstream = Upstream::start(behaviour).await;
    let mut installation = Installation::new(Backend::Sqlite).answered_by(&upstream);
    for (key, value) in limits {
        installation = installation.set(key, value);
    }
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    (upstream, server, ada)
}

#[tokio::test]
async fn r17_silence_ends_a_turn_with_what_it_had() {
    for behaviour in [Behaviour::SilentAfter(3), Behaviour::CommentsAfter(3)] {
        let (upstream, _server, ada) = scene(behaviour, &[("engine.progress_timeout_ms", 1000)]).await;
        let answer = ada.ask("Why?").await;
        assert_eq!(reason(&answer), ("incomplete", Some("upstream_timeout")));
        assert_eq!(answer.response, text_of(3));
        upstream.left_by(1).await;
        assert_eq!(upstream.calls(), 1, "what has begun is not sent again");

        let transcript = ada.stream("And now?").await.unwrap().into_transcript().await;
        assert_eq!(transcript.end(), ("turn.incomplete", Some("upstream_timeout")));
        assert_eq!(transcript.text, text_of(3));
    }
}

#[tokio::test]
async fn r17_silence_from_the_start_is_a_failure() {
    for behaviour in [Behaviour::SilentAfter(0), Behaviour::CommentsAfter(0)] {
        let limits = [("engine.first_token_timeout_ms", 1000), ("engine.progress_timeout_ms", 1000)];
        let (upstream, _server, ada) = scene(behaviour, &limits).await;
        ada.send("Why?").await.problem(504, "engine_timeout");
        upstream.left_by(1).await;
    }
}

#[tokio::test]
async fn r17_a_network_that_swallows_everything_ends_a_turn_with_what_it_had() {
    let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(10))).await;
    let proxy = Proxy::start(upstream.address());
    let installation = Installation::new(Backend::Sqlite).answered_at(proxy.address());
    let server = installation.set("engine.progress_timeout_ms", 1000).start().await;
    let ada = server.client().newcomer("ada").await;
    let swallow = async {
        let has_text = |turn: &Turn| turn.response.as_deref().is_some_and(|text| !text.is_empty());
        eventually("the turn has some text", async || ada.running_turn().await.filter(has_text)).await;
        proxy.swallow();
    };
    let (answer, ()) = tokio::join!(ada.ask("Why?"), swallow);
    assert_eq!(reason(&answer), ("incomplete", Some("upstream_timeout")));
    assert!(answer.response.starts_with("again again "), "{answer:?}");
    assert_eq!(upstream.calls(), 1);
    proxy.heal();
    upstream.left_by(1).await;
}

#[tokio::test]
async fn r18_an_endless_answer_is_ended_by_each_of_its_limits() {
    let word = "a whole word of text ";
    let endless = Behaviour::Endless(word.to_owned(), Duration::from_millis(5));
    for (limit, value) in
        [("engine.max_output_tokens", 50), ("engine.max_output_bytes", 1024), ("engine.max_seconds", 1)]
    {
        let (upstream, _server, ada) = scene(endless.clone(), &[(limit, value)]).await;
        let answer = ada.ask(Question::from("Why?")).await;
        assert_eq!(answer.status, "incomplete", "{limit}");
        let is_named = matches!(answer.incomplete_reason.as_deref(), Some("max_output_tokens" | "upstream_timeout"));
        assert!(is_named, "{limit}: {answer:?}");
        upstream.left_by(1).await;
        assert!(word.repeat(1000).starts_with(&answer.response) && !answer.response.is_empty(), "{limit}: {answer:?}");
        if limit != "engine.max_seconds" {
            // A token is about four bytes, and no limit may be far off.
            assert!((100..=2000).contains(&answer.response.len()), "{limit}: {} bytes", answer.response.len());
        }
        let stored = ada.turn(answer.turn_id).await;
        assert_eq!((stored.status.as_str(), stored.response), ("incomplete", Some(answer.response)));
        assert_eq!(upstream.calls(), 1);
    }
}

fn reason(answer: &Answer) -> (&str, Option<&str>) {
    (&answer.status, answer.incomplete_reason.as_deref())
}
