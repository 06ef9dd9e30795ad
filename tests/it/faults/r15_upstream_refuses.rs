//! An upstream that refuses (R15, R16): it is left alone for as long as it asks, and when it keeps failing.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;
use crate::support::upstream::{Behaviour, Upstream, text_of};
use crate::support::waiting::eventually;

/// The most times that one question is sent to the upstream.
const MOST_ATTEMPTS: usize = 2;
/// How many failures open the breaker, at the least.
const ENOUGH_FAILURES: usize = 20;

const AT_ONCE: Behaviour = Behaviour::Tokens(3, Duration::ZERO);

#[tokio::test]
async fn r15_retry_after_is_passed_on_and_nothing_is_sent_a_third_time() {
    let upstream = Upstream::start(Behaviour::Status(429, Some(7))).await;
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    let refused = ada.send(Question::from("Why?").with_key("k")).await;
    refused.problem(503, "engine_unavailable");
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    // Whoever has waited a part of it already tells the rest.
    assert!((5..=8).contains(&after), "{after}");
    assert!((1..=MOST_ATTEMPTS).contains(&upstream.calls()), "{}", upstream.calls());

    upstream.follow([AT_ONCE]);
    let answer = eventually("the key is tried again", async || {
        let reply = ada.send(Question::from("Why?").with_key("k")).await;
        (reply.status == 200).then(|| reply.answer())
    });
    assert_eq!(answer.await.response, text_of(3));
}

#[tokio::test]
async fn r15_retry_after_is_honoured() {
    let upstream = Upstream::start(AT_ONCE).await;
    upstream.follow([Behaviour::Status(429, Some(1)), AT_ONCE]);
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    let reply = ada.send("Why?").await;
    let requests = upstream.requests();
    // Either it waited as long as it was asked to, or whoever asks is to do so.
    match requests[..] {
        [first, second] => {
            assert!(second - first >= Duration::from_millis(990), "{:?}", second - first);
            assert_eq!(reply.answer().response, text_of(3));
        }
        [_] => assert_eq!(reply.problem(503, "engine_unavailable").status, 503),
        _ => panic!("{} attempts", requests.len()),
    }
}

#[tokio::test]
async fn r16_an_upstream_that_keeps_failing_is_left_alone_and_found_again() {
    let upstream = Upstream::start(Behaviour::Status(500, None)).await;
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    let conversations = ada.new_conversations(20).await;

    // Until a question is refused without being sent.
    let mut asked = 0;
    let open = eventually("the breaker opens", async || {
        let before = upstream.calls();
        let reply = ada.send("Why?").await;
        refused(&reply);
        asked += 1;
        (upstream.calls() == before).then_some(())
    });
    open.await;
    let failures = upstream.calls();
    assert!(failures >= ENOUGH_FAILURES, "{failures} failures were enough");
    assert!(failures <= MOST_ATTEMPTS * (ENOUGH_FAILURES + 2), "it took {failures} failures, and {asked} questions");

    // While it is open, many ask at once: at most one of them is sent, to see how things are.
    let begun = Instant::now();
    let together =
        conversations.iter().map(|conversation| ada.send(Question::from("Why?").in_conversation(*conversation)));
    for reply in join_all(together).await {
        refused(&reply);
    }
    let took = begun.elapsed();
    assert!(upstream.calls() <= failures + MOST_ATTEMPTS, "{} of 20 were sent", upstream.calls() - failures);
    assert!(took < Duration::from_secs(3), "20 refusals took {took:?}");

    upstream.follow([AT_ONCE]);
    healed(&ada).await;
}

#[tokio::test]
async fn r16_an_upstream_that_cannot_be_reached_is_found_again() {
    let mut upstream = Upstream::start(AT_ONCE).await;
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    upstream.go_away().await;
    for _ in 0..2 * ENOUGH_FAILURES {
        refused(&ada.send("Why?").await);
    }
    assert_eq!(upstream.calls(), 0);
    upstream.come_back().await;
    healed(&ada).await;
}

fn refused(reply: &Reply) {
    reply.problem(503, "engine_unavailable");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
}

/// Ten seconds is the promise; a machine with too much to do gets the usual patience.
async fn healed(ada: &Caller) {
    let healed = Instant::now();
    let answer = eventually("the upstream is found again", async || {
        let reply = ada.send("Why?").await;
        (reply.status == 200).then(|| reply.answer())
    });
    assert_eq!(answer.await.response, text_of(3));
    println!("R16: found again after {:?}", healed.elapsed());
    assert_eq!(ada.ask("And now?").await.response, text_of(3), "and from then on it is asked as before");
}
