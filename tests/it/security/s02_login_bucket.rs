//! A bucket for each address (S2): ten attempts at once, and then one more every six seconds.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};

use super::throttled::{is_throttled_login, log_in_from};
use crate::support::client::sent;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;

const BURST: usize = 10;
const REFILL_SECONDS: u64 = 6;

/// Makes twenty attempts, of which the first ten are admitted, and no more than a slow machine earns by its slowness.
/// Gives the replies to those that are not.
async fn refused_of_twenty(is_admitted: fn(&Reply) -> bool, attempt: impl AsyncFn(usize) -> Reply) -> Vec<Reply> {
    let begun = Instant::now();
    let mut refused = Vec::new();
    for number in 0..20 {
        let reply = attempt(number).await;
        if !is_admitted(&reply) {
            assert!(number >= BURST, "attempt {number}: {reply:?}");
            refused.push(reply);
        }
    }
    let earned = usize::try_from(begun.elapsed().as_secs() / REFILL_SECONDS).unwrap() + 1;
    assert!(refused.len() + earned >= 20 - BURST, "only {} were refused", refused.len());
    assert!(!refused.is_empty(), "twenty attempts took too long to be refused");
    refused
}

#[tokio::test]
async fn s02_of_twenty_bad_logins_from_one_address_the_eleventh_is_refused() {
    let server = Installation::new(Backend::Sqlite).limited().start().await;
    let client = server.client();
    let is_admitted = |reply: &Reply| {
        let policy = reply.header("ratelimit-policy");
        assert_eq!(policy, Some("\"login\";q=10;w=60"), "on every answer: {reply:?}");
        reply.status == 400
    };
    let refused =
        refused_of_twenty(is_admitted, async |number| client.try_log_in(&format!("nobody{number}"), "guess").await);
    for reply in refused.await {
        is_throttled_login(&reply);
        assert!(reply.header("ratelimit").unwrap().starts_with("\"login\";r=0;t="), "{reply:?}");
    }
    assert_eq!(client.get("/healthz").await.header("ratelimit"), None);
}

#[tokio::test]
async fn s02_registrations_are_counted_as_well_and_apart() {
    let server = Installation::new(Backend::Sqlite).limited().start().await;
    let client = server.client();
    let refused = refused_of_twenty(
        |reply| reply.status == 422,
        async |number| {
            let account = json!({"username": format!("name{number}"), "email": "none", "password": "short"});
            sent(client.request(Method::POST, "/api/v1/users").json(&account)).await
        },
    );
    for reply in refused.await {
        reply.problem(429, "rate_limited");
        assert!(reply.header("retry-after").is_some());
        assert_eq!(reply.header("ratelimit-policy"), Some("\"registration\";q=10;w=60"));
    }
    assert_eq!(client.try_log_in("nobody", "guess").await.status, 400);
}

#[tokio::test]
async fn what_is_refused_is_measured_by_limit() {
    let token = "sixteen-bytes-at-least";
    let installation = Installation::new(Backend::Sqlite).limited();
    let server = installation.set("rate_limit.login_per_minute", 1).set("metrics.token", token).start().await;
    let client = server.client();
    let refused = async |limit: &str| {
        let reply = sent(client.request(Method::GET, "/metrics").bearer_auth(token)).await;
        let line = format!("colloquy_throttled_total{{limit=\"{limit}\"}} ");
        reply.text.lines().find_map(|text| text.strip_prefix(&line)).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!([refused("login").await, refused("streams").await], [0, 0], "from the beginning");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(log_in_from(&client, "", "nobody", "guess").await.status);
    }
    let refusals = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(usize::try_from(refused("login").await).unwrap(), refusals);
    assert!(refusals >= 1, "{statuses:?}");
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    for _ in 0..20 {
        let reply = client.try_log_in("nobody", "guess").await;
        assert_eq!(
            (reply.body::<Value>(400)["error"].as_str(), reply.header("ratelimit")),
            (Some("invalid_grant"), None)
        );
    }
}
