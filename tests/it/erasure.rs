//! Deleted means deleted: whatever was said, whatever runs, whatever happens to the server meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Caller, PASSWORD};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::sse::Transcript;
use crate::support::upstream::{Behaviour, Upstream};
use crate::support::waiting::{eventually, within_patience};

on_both_stores!(
    everything_goes_and_is_counted,
    only_who_gave_the_password_a_moment_ago_goes,
    the_last_admin_stays,
    what_runs_is_stopped_first,
    an_erasure_goes_on_after_a_crash,
);

/// A tick and a step; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(5);

async fn everything_goes_and_is_counted(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    let bob = client.newcomer("bob").await;
    let kept = bob.ask("My name is Bob.").await;
    let ada = client.newcomer("ada").await;
    let phone = client.log_in("ada").await;
    let first = ada.ask("My name is Ada.").await;
    installation.database().add_turns(first.conversation_id, 1200, 10);
    ada.ask("Who am I?").await;
    ada.new_conversation().await;
    let (_, key) = ada.new_key(&["conversations:read"]).await;
    ada.post("/api/v1/ws-tickets", &json!({})).await.body::<Value>(201);

    let gone = ada.delete("/api/v1/me").await.json();
    let expected = json!({"conversations": 2, "turns": 1202, "sessions": 2, "api_keys": 1, "exports": 0});
    assert_eq!(gone, json!({"deleted": expected, "complete": true}));
    for caller in [&ada, &phone, &key] {
        caller.get("/api/v1/conversations").await.problem(401, "invalid_token");
    }
    assert_eq!(client.try_log_in("ada", PASSWORD).await.status, 400);
    let left = installation.database().row_counts();
    for (table, rows) in [("users", "1"), ("sessions", "1"), ("api_keys", "0"), ("tickets", "0"), ("erasures", "0")] {
        assert_eq!(left[table], rows, "{table}");
    }
    assert_eq!(bob.turns(kept.conversation_id).await.len(), 1);

    let successor = client.newcomer("ada").await;
    assert!(successor.conversations().await.is_empty());
}

async fn only_who_gave_the_password_a_moment_ago_goes(backend: Backend) {
    let installation = Installation::new(backend).set("auth.session_cache_ms", 0);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let (_, key) = ada.new_key(&["conversations:read", "profile:read"]).await;
    installation.database().age_sessions("authenticated_at", 301);
    ada.delete("/api/v1/me").await.problem(403, "reauth_required");
    key.delete("/api/v1/me").await.problem(403, "forbidden");
    assert_eq!(ada.get("/api/v1/me").await.status, 200, "nothing came of it");
    assert_eq!(ada.post("/api/v1/me/reauth", &json!({"password": PASSWORD})).await.status, 204);
    assert_eq!(ada.delete("/api/v1/me").await.json()["complete"], true);
}

async fn the_last_admin_stays(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let root = server.client().log_in("root").await;
    root.delete("/api/v1/me").await.problem(409, "last_admin");
    assert_eq!(root.get("/api/v1/me").await.status, 200);
    assert_eq!(installation.database().row_counts()["erasures"], "0");
}

async fn what_runs_is_stopped_first(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(20))).await;
    let installation = Installation::new(backend).answered_by(&upstream);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    stopped_by_erasure(&ada, &ada, &upstream).await;
    assert_eq!(installation.database().row_counts()["turn_pieces"], "0");
}

#[tokio::test]
async fn what_runs_on_another_replica_is_stopped_first() {
    let upstream = Upstream::start(Behaviour::Endless("again ".to_owned(), Duration::from_millis(20))).await;
    let installation = Installation::new(Backend::Postgres).answered_by(&upstream);
    let (one, other) = (installation.start().await, installation.start().await);
    let ada = one.client().newcomer("ada").await;
    stopped_by_erasure(&ada, &ada.at(&other), &upstream).await;
    assert_eq!(installation.database().row_counts()["turns"], "0");
}

/// Asks here, deletes there: the stream, the socket and the upstream's connection end.
async fn stopped_by_erasure(here: &Caller, there: &Caller, upstream: &Upstream) {
    let mut stream = here.stream("Why?").await.unwrap();
    let mut heard = Transcript::default();
    heard.hear_until(&mut stream, "turn.delta").await;
    let mut socket = here.web_socket().await.unwrap();

    let begun = Instant::now();
    let gone = there.delete("/api/v1/me").await.json();
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert_eq!((&gone["complete"], &gone["deleted"]["turns"]), (&json!(true), &json!(1)), "{gone}");
    upstream.left_by(1).await;
    assert_eq!(socket.closed().await, 4401);
    heard.hear_all(&mut stream).await;
    let last = &heard.events.last().unwrap().name;
    assert!(["session.ended", "turn.cancelled"].contains(&last.as_str()), "{last}");
}

async fn an_erasure_goes_on_after_a_crash(backend: Backend) {
    let installation = Installation::new(backend).set("housekeeping.every_seconds", 1);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let said = ada.ask("My name is Ada.").await;
    installation.database().add_turns(said.conversation_id, 60_000, 100);
    let turns = || -> usize { installation.database().row_counts()["turns"].parse().unwrap() };
    let all = turns();
    let deleting = tokio::spawn({
        let ada = ada.clone();
        async move { ada.request(reqwest::Method::DELETE, "/api/v1/me").send().await }
    });
    eventually("some of it is gone", async || (turns() < all).then_some(())).await;
    server.kill().await;
    assert!(within_patience("the request", deleting).await.unwrap().is_err(), "the server was killed at work");
    assert!(turns() > 0, "the server was killed at work");

    let server = installation.start().await;
    assert_eq!(server.client().try_log_in("ada", PASSWORD).await.status, 400, "there is no way back");
    installation.database().age("erasures", "went_on_at", 1);
    eventually("the rest is gone", async || (installation.database().row_counts()["users"] == "0").then_some(())).await;
    assert_eq!(turns(), 0);
}
