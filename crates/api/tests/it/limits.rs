//! Limits as a client is told of them, and whose address counts.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::test::TestRequest;
use domain::chat::{AcceptError, Started};
use domain::conversation::TurnState;
use domain::throttle::{
    Counted, Decision, Limit, MockLoginThrottle, MockRateLimiter, MockStreamLimiter, Quota, StreamPermit,
    TooManyStreams,
};
use domain::user::{HashedPassword, Verification};

use crate::harness::{Ports, Reply, answer, get, post_json, started, turn, turn_id, user, user_id};

const SECOND: Duration = Duration::from_secs(1);

fn quota(limit: Limit, remaining: u32) -> Quota {
    Quota { limit, most: 10, window: 60 * SECOND, remaining, reset: Duration::from_millis(5_500) }
}

fn allowing() -> MockRateLimiter {
    let mut limiter = MockRateLimiter::new();
    limiter.expect_check().returning(|limit, _| Decision::Allowed(quota(limit, 7)));
    limiter
}

fn refusing() -> MockRateLimiter {
    let mut limiter = MockRateLimiter::new();
    limiter
        .expect_check()
        .once()
        .returning(|limit, _| Decision::Denied { quota: quota(limit, 0), retry_after: Duration::from_millis(2_001) });
    limiter
}

fn login() -> TestRequest {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    TestRequest::post().uri("/token").insert_header(form).set_payload("username=ada&password=guess")
}

fn registration() -> TestRequest {
    let body = r#"{"username": "ada", "email": "ada@example.org", "password": "a quiet secret"}"#;
    TestRequest::post().uri("/api/v1/users").insert_header(("Content-Type", "application/json")).set_payload(body)
}

fn question(body: &str) -> TestRequest {
    post_json("/chat", body)
}

/// That the reply says where one stands with that limit.
#[track_caller]
fn tells(reply: &Reply, limit: &str, remaining: u32) {
    let told = [reply.header("ratelimit-policy"), reply.header("ratelimit")].map(Option::unwrap_or_default);
    assert_eq!(told, [format!("\"{limit}\";q=10;w=60"), format!("\"{limit}\";r={remaining};t=6")]);
}

#[actix_web::test]
async fn s02_too_many_logins_are_429_in_oauths_terms_before_anything_is_looked_up() {
    let ports = Ports { limiter: Some(refusing()), ..Ports::untouched() };
    let reply = ports.server().send(login()).await;
    assert_eq!(reply.status, 429, "{reply:?}");
    let body = reply.json();
    assert_eq!((&body["code"], &body["error"]), (&"rate_limited".into(), &"temporarily_unavailable".into()));
    assert_eq!((reply.header("retry-after"), &body["retry_after"]), (Some("3"), &3.into()), "rounded up");
    tells(&reply, "login", 0);
}

#[actix_web::test]
async fn s03_an_account_that_has_to_wait_says_no_more_than_an_address() {
    let mut throttle = MockLoginThrottle::new();
    throttle.expect_charge().once().returning(|_| Err(Duration::from_millis(2_001)));
    let by_account = Ports { limiter: Some(allowing()), throttle: Some(throttle), ..Ports::untouched() };
    let by_account = by_account.server().send(login()).await;
    let by_address = Ports { limiter: Some(refusing()), ..Ports::untouched() }.server().send(login()).await;
    assert_eq!((by_account.status, by_account.body), (by_address.status, by_address.body));
}

#[actix_web::test]
async fn s02_a_wrong_password_and_a_refused_registration_tell_what_is_left() {
    let mut ports = Ports { limiter: Some(allowing()), ..Ports::untouched() };
    ports.users.expect_find_for_login().returning(|_| Ok(Some((user(), HashedPassword::new("$argon2id$…")))));
    ports.hasher.expect_verify().returning(|_, _| Ok(Verification::Mismatch));
    ports.audit.expect_record().once().returning(|_| Ok(()));
    let reply = ports.server().send(login()).await;
    assert_eq!(reply.status, 400);
    tells(&reply, "login", 7);

    let ports = Ports { limiter: Some(refusing()), ..Ports::untouched() };
    let reply = ports.server().send(registration()).await;
    reply.problem(429, "rate_limited");
    tells(&reply, "registration", 0);
}

#[actix_web::test]
async fn s43_questions_are_counted_by_user_and_tell_what_is_left() {
    let mut limiter = MockRateLimiter::new();
    let of_ada = |limit: &Limit, counted: &Counted| (*limit, *counted) == (Limit::Turns, Counted::User(user_id()));
    limiter.expect_check().once().withf(of_ada).returning(|limit, _| Decision::Allowed(quota(limit, 7)));
    let mut ports = Ports { limiter: Some(limiter), ..Ports::with_caller() };
    ports.runner.expect_start().return_once(|_| Ok(started(TurnState::Completed(answer("Hi")), None)));
    let reply = ports.server().send(question(r#"{"question": "a"}"#)).await;
    assert_eq!(reply.status, 200);
    tells(&reply, "turns", 7);

    for body in [r#"{"question": "a"}"#, r#"{"question": "a", "stream": true}"#] {
        let ports = Ports { limiter: Some(refusing()), ..Ports::with_caller() };
        let reply = ports.server().send(question(body)).await;
        reply.problem(429, "rate_limited");
        tells(&reply, "turns", 0);
    }
}

#[actix_web::test]
async fn what_is_not_limited_says_nothing_of_limits() {
    let ports = Ports { limiter: Some(MockRateLimiter::new()), ..Ports::untouched() };
    let reply = ports.server().send(TestRequest::get().uri("/healthz")).await;
    assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), (None, None));
}

/// Lets that many in.
fn places(free: usize) -> MockStreamLimiter {
    let mut streams = MockStreamLimiter::new();
    streams.expect_enter().times(free).returning(|_| Ok(StreamPermit::uncounted()));
    streams.expect_enter().once().returning(|_| Err(TooManyStreams));
    streams
}

#[actix_web::test]
async fn s43_every_way_to_read_an_answer_takes_a_place() {
    let asking = Ports { streams: Some(places(0)), ..Ports::with_caller() };
    let reply = asking.server().send(question(r#"{"question": "a"}"#)).await;
    assert_eq!(reply.problem(429, "too_many_streams")["retry_after"], 1);

    let mut reading = Ports { streams: Some(places(0)), ..Ports::with_caller() };
    reading.turns.expect_find().returning(|_, _, _| Ok(Some(turn(TurnState::Completed(answer("Hi"))))));
    let reply = reading.server().send(get(&format!("/api/v1/turns/{}/events", turn_id()))).await;
    reply.problem(429, "too_many_streams");

    let stream = r#"{"question": "a", "stream": true}"#;
    let mut replaying = Ports { streams: Some(places(1)), ..Ports::with_caller() };
    replaying
        .runner
        .expect_start()
        .return_once(|_| Ok(Started::Replayed(Box::new(turn(TurnState::Completed(answer("Hi")))))));
    replaying.server().send(question(stream)).await.problem(429, "too_many_streams");

    let mut joining = Ports { streams: Some(places(1)), ..Ports::with_caller() };
    joining.runner.expect_start().return_once(|_| Err(AcceptError::InProgress { running: turn_id() }));
    joining.turns.expect_find().returning(|_, _, _| Ok(Some(turn(TurnState::Completed(answer("Hi"))))));
    joining.server().send(question(stream)).await.problem(429, "too_many_streams");
}

/// The address that a login is counted by, which comes from 203.0.113.7 with these headers.
async fn counted(trusted_proxies: &[&str], forwarded_for: &[&str]) -> IpAddr {
    let (seen, mut limiter) = (Arc::new(Mutex::new(None)), MockRateLimiter::new());
    let noted = seen.clone();
    limiter.expect_check().once().returning(move |limit, counted| {
        *noted.lock().unwrap() = Some(counted);
        Decision::Denied { quota: quota(limit, 0), retry_after: SECOND }
    });
    let trusted_proxies = trusted_proxies.iter().map(|network| network.parse().unwrap()).collect();
    let ports = Ports { limiter: Some(limiter), trusted_proxies, ..Ports::untouched() };
    let mut request = login().insert_header(("Forwarded", "for=198.51.100.77"));
    for line in forwarded_for {
        request = request.append_header(("X-Forwarded-For", *line));
    }
    assert_eq!(ports.server().send(request).await.status, 429);
    let seen = *seen.lock().unwrap();
    match seen {
        Some(Counted::Address(address)) => address,
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn s04_only_a_trusted_proxy_says_where_a_request_comes_from() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(counted(&[], &["198.51.100.1"]).await, address("203.0.113.7"));
    assert_eq!(counted(&["192.0.2.0/24"], &["198.51.100.1"]).await, address("203.0.113.7"));
    let proxy = ["203.0.113.0/24"];
    assert_eq!(counted(&proxy, &["198.51.100.1"]).await, address("198.51.100.1"));
    assert_eq!(counted(&proxy, &["192.0.2.1", "198.51.100.1, 203.0.113.9"]).await, address("198.51.100.1"));
    assert_eq!(counted(&proxy, &[]).await, address("203.0.113.7"));
}
