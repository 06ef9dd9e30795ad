//! What was used, what there is to use, and how much of it one may have.

use std::num::NonZeroU64;

use actix_web::test::TestRequest;
use chrono::NaiveDate;
use domain::Unexpected;
use domain::conversation::ModelName;
use domain::usage::{Tally, UsageRecord};
use serde_json::json;

use crate::harness::{Ports, Server, answer, conversation_id, get, model, post_json, started, user_id};

const USAGE: &str = "/api/v1/me/usage";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn record(on: &str, model: Option<ModelName>, tokens: u64) -> UsageRecord {
    UsageRecord { day: day(on), model, tally: Tally { turns: 1, input_tokens: tokens, output_tokens: 1 } }
}

/// A server whose caller has used that between those days.
fn having_used(first: &'static str, last: &'static str, records: Vec<UsageRecord>) -> Server {
    let mut ports = Ports::with_caller();
    ports.usage.expect_records().return_once(move |user, period| {
        assert_eq!(user, user_id());
        assert_eq!((period.first(), period.last()), (day(first), day(last)));
        Ok(records)
    });
    ports.server()
}

#[actix_web::test]
async fn usage_is_shown_by_day_for_thirty_days_unless_told_otherwise() {
    for query in ["", "?group_by=day", "?from=2025-12-04", "?to=2026-01-02"] {
        let records = vec![record("2025-12-31", Some(model()), 1_000), record("2026-01-02", None, 7)];
        let reply = having_used("2025-12-04", "2026-01-02", records).send(get(&format!("{USAGE}{query}"))).await;
        assert_eq!(reply.status, 200);
        let expected = json!({
            "from": "2025-12-04", "to": "2026-01-02",
            "data": [
                {
                    "day": "2025-12-31", "turns": 1, "input_tokens": 1000, "output_tokens": 1, "total_tokens": 1001,
                    "cost": {"amount": "0.00251", "currency": "USD"}, "unpriced_tokens": 0,
                },
                {
                    "day": "2026-01-02", "turns": 1, "input_tokens": 7, "output_tokens": 1, "total_tokens": 8,
                    "cost": null, "unpriced_tokens": 8,
                },
            ],
            "total": {
                "turns": 2, "input_tokens": 1007, "output_tokens": 2, "total_tokens": 1009,
                "cost": {"amount": "0.00251", "currency": "USD"}, "unpriced_tokens": 8,
            },
        });
        assert_eq!(reply.json(), expected, "{query}");
    }
}

#[actix_web::test]
async fn usage_is_shown_by_model() {
    let records = vec![record("2026-01-01", None, 7), record("2026-01-02", Some(model()), 1)];
    let path = format!("{USAGE}?group_by=model&from=2026-01-01&to=2026-01-02");
    let body = having_used("2026-01-01", "2026-01-02", records).send(get(&path)).await.json();
    assert_eq!((&body["data"][0]["model"], &body["data"][1]["model"]), (&json!(null), &json!("large")));
    assert!(body["data"][0].get("day").is_none() && body["data"][0].get("model").is_some(), "{body}");
    assert_eq!(body["data"][1]["cost"], json!({"amount": "0.0000125", "currency": "USD"}));
}

#[actix_web::test]
async fn no_usage_is_an_empty_report() {
    let body = having_used("2025-12-04", "2026-01-02", Vec::new()).send(get(USAGE)).await.json();
    assert_eq!((&body["data"], &body["total"]["turns"], &body["total"]["cost"]), (&json!([]), &json!(0), &json!(null)));
}

#[actix_web::test]
async fn every_parameter_that_is_wrong_is_named_and_no_port_is_reached() {
    let server = Ports::with_caller().server();
    for (query, pointers) in [
        ("group_by=hour", vec!["/group_by"]),
        ("group_by=", vec!["/group_by"]),
        ("from=yesterday", vec!["/from"]),
        ("from=2026-1-1", vec!["/from"]),
        ("from=2025-02-29", vec!["/from"]),
        ("from=2026-01-01T00:00:00Z", vec!["/from"]),
        ("to=%2B026-01-01", vec!["/to"]),
        ("to=20260101xx", vec!["/to"]),
        ("to=", vec!["/to"]),
        ("from=2026-01-03", vec!["/from"]),
        ("from=2026-01-02&to=2026-01-01", vec!["/from"]),
        ("from=2025-01-01&to=2026-01-02", vec!["/from"]),
        ("from=2026-01-01&from=2026-01-01", vec!["/from"]),
        ("limit=3", vec!["/limit"]),
        ("group_by=x&from=x&to=x&x=x", vec!["/group_by", "/from", "/to", "/x"]),
    ] {
        assert_eq!(server.send(get(&format!("{USAGE}?{query}"))).await.pointers(), pointers, "{query}");
    }
}

#[actix_web::test]
async fn days_at_the_ends_of_the_calendar_are_no_trouble() {
    for (query, first, last) in
        [("to=0000-01-01", "-0001-12-03", "0000-01-01"), ("from=9999-01-01&to=9999-12-31", "9999-01-01", "9999-12-31")]
    {
        let server = having_used(first, last, Vec::new());
        assert_eq!(server.send(get(&format!("{USAGE}?{query}"))).await.status, 200, "{query}");
    }
}

#[actix_web::test]
async fn a_store_that_is_away_is_no_empty_report() {
    let mut ports = Ports::with_caller();
    ports.usage.expect_records().return_once(|_, _| Err(Unexpected::unavailable("away")));
    ports.server().send(get(USAGE)).await.problem(503, "store_unavailable");
}

#[actix_web::test]
async fn models_are_shown_with_their_prices() {
    let reply = Ports::with_caller().server().send(get("/api/v1/models")).await;
    assert_eq!(reply.status, 200);
    let price = json!({"input_per_million": "2.50", "output_per_million": "10.00", "currency": "USD"});
    let expected = json!({"data": [{"id": "large", "provider": "test", "default": true, "price": price}]});
    assert_eq!(reply.json(), expected);
}

#[actix_web::test]
async fn nobody_sees_usage_or_models_without_a_token() {
    let server = Ports::untouched().server();
    for path in [USAGE, "/api/v1/models"] {
        server.send(TestRequest::get().uri(path)).await.problem(401, "unauthenticated");
    }
}

/// Whose caller has used so many of a hundred tokens.
fn limited(used: u64) -> Ports {
    let mut ports = Ports::with_caller();
    ports.tokens_per_day = NonZeroU64::new(100);
    ports.usage.expect_tokens_on().returning(move |user, on| {
        assert_eq!((user, on), (user_id(), day("2026-01-02")));
        Ok(used)
    });
    ports
}

#[actix_web::test]
async fn s43_beyond_the_days_tokens_nothing_is_asked_until_midnight() {
    let turns = format!("/api/v1/conversations/{}/turns", conversation_id());
    let server = limited(100).server();
    for (path, body) in [
        ("/chat", r#"{"question": "Who are you?"}"#),
        ("/chat", r#"{"question": "Who are you?", "stream": true}"#),
        (&turns, r#"{"input": "Who are you?"}"#),
        (&turns, r#"{"input": "Who are you?", "stream": true}"#),
        (&turns, r#"{"input": "Who are you?", "background": true}"#),
    ] {
        let problem = server.send(post_json(path, body)).await.problem(429, "quota_exceeded");
        // It is 03:04:05.12, and nobody comes back too early.
        assert_eq!(problem["retry_after"], 86_400 - (3 * 3600 + 4 * 60 + 5), "{body}");
    }
}

#[actix_web::test]
async fn within_the_days_tokens_one_is_answered() {
    let mut ports = limited(99);
    let state = domain::conversation::TurnState::Completed(answer("Colloquy."));
    ports.runner.expect_start().return_once(|_| Ok(started(state, None)));
    assert_eq!(ports.server().send(post_json("/chat", r#"{"question": "Who are you?"}"#)).await.status, 200);
}
