//! S43: whoever has used up the tokens of a day asks no more before midnight, however it is tried.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;
use crate::support::upstream::{Behaviour, Upstream, counted};
use crate::support::waiting::eventually;

const A_DAY: u64 = 86_400;

on_both_stores!(beyond_the_days_tokens_nothing_is_asked, without_a_limit_nobody_is_refused);

async fn beyond_the_days_tokens_nothing_is_asked(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Bytes(counted("Yes.", 60, 10))).await;
    let limited = Installation::new(backend).limited().set("rate_limit.turns_per_minute", 0);
    let installation = limited.answered_by(&upstream).set("rate_limit.tokens_per_day", 100);
    let server = installation.start().await;
    let (ada, bob) = (server.client().newcomer("ada").await, server.client().newcomer("bob").await);
    let conversation = ada.new_conversation().await;

    // What was used may be looked up two seconds late, so a question or two more is taken, and then none.
    ada.ask("The first 70?").await;
    let refused = eventually("the limit is reached", async || {
        Some(ada.send("And more?").await).filter(|reply| reply.status != 200)
    })
    .await;
    assert_is_refused_until_midnight(&refused);
    let used = used(&ada).await;
    assert!(used >= 140, "{used} is beyond the limit: a turn that has begun is not cut off");

    let (asked, rows) = (upstream.calls(), installation.database().row_counts());
    let turns = format!("/api/v1/conversations/{conversation}/turns");
    for (path, body) in [
        ("/chat", json!({"question": "And more?"})),
        ("/chat", json!({"question": "And more?", "stream": true})),
        ("/chat", json!({"question": "And more?", "conversation_id": conversation, "on_busy": "interrupt"})),
        (&turns, json!({"input": "And more?"})),
        (&turns, json!({"input": "And more?", "stream": true})),
        (&turns, json!({"input": "And more?", "background": true})),
    ] {
        assert_is_refused_until_midnight(&ada.post(path, &body).await);
    }
    let mut socket = ada.web_socket().await.unwrap();
    for key in [None, Some("k")] {
        socket.send(&json!({"type": "turn.create", "input": "And more?", "idempotency_key": key})).await;
        let error = socket.next().await.unwrap();
        assert_eq!((&error["status"], &error["error"]["code"]), (&json!(429), &json!("quota_exceeded")), "{error}");
        assert!(error["error"]["retry_after"].as_u64().is_some_and(|seconds| seconds <= A_DAY), "{error}");
    }
    assert_eq!((upstream.calls(), installation.database().row_counts()), (asked, rows), "nothing was asked or stored");

    // Another session of hers, and another process over the same store, have no more to give; others have theirs.
    let again = server.client().log_in("ada").await;
    assert_is_refused_until_midnight(&again.send("And more?").await);
    bob.ask("May I?").await;
    server.kill().await;
    let server = installation.start().await;
    assert_is_refused_until_midnight(&ada.at(&server).send("And more?").await);
    assert_eq!(ada.at(&server).get(&turns).await.status, 200, "reading goes on");
}

async fn without_a_limit_nobody_is_refused(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Bytes(counted("Yes.", 60, 10))).await;
    let installation = Installation::new(backend).answered_by(&upstream);
    let unlimited =
        [installation.clone(), installation.set("rate_limit.tokens_per_day", 1).set("rate_limit.enabled", false)];
    for (name, installation) in ["ada", "bob"].into_iter().zip(unlimited) {
        let server = installation.start().await;
        let caller = server.client().newcomer(name).await;
        for _ in 0..3 {
            caller.ask("And more?").await;
        }
        assert_eq!(used(&caller).await, 210);
        server.kill().await;
    }
}

async fn used(caller: &Caller) -> u64 {
    let usage: Value = caller.get("/api/v1/me/usage").await.json();
    usage["total"]["total_tokens"].as_u64().unwrap()
}

#[track_caller]
fn assert_is_refused_until_midnight(reply: &Reply) {
    reply.problem(429, "quota_exceeded");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let midnight = now.next_multiple_of(A_DAY);
    assert!((now + wait).abs_diff(midnight) < 30, "back in {wait} s, and midnight is in {} s", midnight - now);
}
