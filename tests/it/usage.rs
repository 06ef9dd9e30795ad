//! What was used is what the turns say, whatever becomes of the server and of them.

use std::collections::BTreeMap;

use infra::store::{migrate, revert};
use serde_json::{Value, json};

use crate::support::client::{Caller, Question};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::upstream::{Behaviour, MODEL, Upstream, counted, finished, told};

on_both_stores!(
    usage_is_what_the_turns_say,
    usage_outlives_its_turns,
    what_was_answered_before_there_was_a_ledger_is_counted,
    models_are_offered_with_their_prices,
);

/// Whose fake engine offers a second model, and what that costs is known.
fn installation(backend: Backend, upstream: &Upstream) -> Installation {
    let installation = Installation::new(backend).answered_by(upstream).set("engine.openai.models", "large");
    installation.set("engine.retries", 0).set("engine.prices", "large=2.50/10,elsewhere=1/1")
}

async fn ask_both_models(upstream: &Upstream, caller: &Caller) {
    upstream.follow([
        Behaviour::Bytes(counted("One.", 40, 5)),
        Behaviour::Bytes(counted("Two.", 1000, 100)),
        Behaviour::Bytes(counted("Three.", 7, 1)),
        // This one does not count, so that it is estimated; and then there is no answer at all.
        Behaviour::Bytes([told("Four."), finished()].to_vec()),
        Behaviour::Status(500, None),
    ]);
    for question in [
        Question::from("First?"),
        Question::from("Second?").with("model", "large"),
        Question::from("Third?").with("model", "large"),
        Question::from("Fourth?"),
    ] {
        caller.ask(question).await;
    }
    assert_ne!(caller.send("Fifth?").await.status, 200);
}

/// Turns, tokens given and tokens made, for each model, as the caller's turns say.
async fn told_by_turns(caller: &Caller) -> BTreeMap<String, (u64, u64, u64)> {
    let mut sums = BTreeMap::<String, (u64, u64, u64)>::new();
    for conversation in caller.conversations().await {
        let turns = caller.get(&format!("/api/v1/conversations/{conversation}/turns")).await.json();
        for turn in turns["data"].as_array().unwrap().iter().filter(|turn| turn["status"] != "failed") {
            let sum = sums.entry(turn["model"].as_str().unwrap().to_owned()).or_default();
            let tokens = |name: &str| turn["usage"][name].as_u64().unwrap();
            *sum = (sum.0 + 1, sum.1 + tokens("input_tokens"), sum.2 + tokens("output_tokens"));
        }
    }
    sums
}

/// The same as the report has it.
fn told_by_report(report: &Value) -> BTreeMap<String, (u64, u64, u64)> {
    let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
    let row = |row: &Value| {
        let counts = (number(row, "turns"), number(row, "input_tokens"), number(row, "output_tokens"));
        (row["model"].as_str().unwrap().to_owned(), counts)
    };
    report["data"].as_array().unwrap().iter().map(row).collect()
}

async fn usage(caller: &Caller, group_by: &str) -> Value {
    caller.get(&format!("/api/v1/me/usage?group_by={group_by}")).await.json()
}

async fn usage_is_what_the_turns_say(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Status(500, None)).await;
    let installation = installation(backend, &upstream);
    let server = installation.start().await;
    let (ada, bob) = (server.client().newcomer("ada").await, server.client().newcomer("bob").await);
    ask_both_models(&upstream, &ada).await;

    let by_model = usage(&ada, "model").await;
    let turns = told_by_turns(&ada).await;
    assert_eq!(turns["large"], (2, 1007, 101));
    assert_eq!(turns[MODEL].0, 2);
    assert_eq!(told_by_report(&by_model), turns);
    let [fake, large] = ["fake", "large"].map(|name| {
        let rows = by_model["data"].as_array().unwrap();
        rows.iter().find(|row| row["model"] == name).unwrap().clone()
    });
    // 1007 × 2.50 + 101 × 10 millionths of a dollar.
    assert_eq!(large["cost"], json!({"amount": "0.0035275", "currency": "USD"}));
    assert_eq!((&large["unpriced_tokens"], &fake["cost"]), (&json!(0), &json!(null)));
    assert_eq!(fake["unpriced_tokens"], fake["total_tokens"]);
    assert_eq!(by_model["total"]["cost"], large["cost"]);

    // They may have been asked around midnight.
    let by_day = usage(&ada, "day").await;
    assert_eq!(by_day["total"], by_model["total"]);
    let days = by_day["data"].as_array().unwrap();
    let sum: u64 = days.iter().map(|day| day["total_tokens"].as_u64().unwrap()).sum();
    assert_eq!((json!(sum), &days.last().unwrap()["day"]), (by_model["total"]["total_tokens"].clone(), &by_day["to"]));

    assert_eq!(usage(&bob, "model").await["data"], json!([]), "others have used nothing");
    server.kill().await;
    let server = installation.start().await;
    assert_eq!(usage(&ada.at(&server), "model").await, by_model);
}

/// There is no way to delete a turn yet, but by hand.
async fn usage_outlives_its_turns(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Status(500, None)).await;
    let installation = installation(backend, &upstream);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    ask_both_models(&upstream, &ada).await;
    let before = usage(&ada, "model").await;
    server.kill().await;

    let deleted = installation.database().texts("DELETE FROM turns RETURNING CAST(id AS text) AS value");
    assert_eq!(deleted.len(), 5);
    let server = installation.start().await;
    let ada = ada.at(&server);
    assert!(told_by_turns(&ada).await.is_empty());
    assert_eq!(usage(&ada, "model").await, before);
}

async fn what_was_answered_before_there_was_a_ledger_is_counted(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Status(500, None)).await;
    let installation = installation(backend, &upstream);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    ask_both_models(&upstream, &ada).await;
    let before = [usage(&ada, "model").await, usage(&ada, "day").await];
    server.terminate();
    assert_eq!(server.ended().await.code, Some(0));

    let settings = installation.database().settings();
    while !revert(settings).unwrap().unwrap().ends_with("_usage") {}
    migrate(settings).unwrap();
    let server = installation.start().await;
    let ada = ada.at(&server);
    assert_eq!([usage(&ada, "model").await, usage(&ada, "day").await], before);
}

async fn models_are_offered_with_their_prices(backend: Backend) {
    let upstream = Upstream::start(Behaviour::Status(500, None)).await;
    let server = installation(backend, &upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    let models = ada.get("/api/v1/models").await.json();
    let price = json!({"input_per_million": "2.50", "output_per_million": "10.00", "currency": "USD"});
    let expected = [(MODEL, true, json!(null)), ("large", false, price)];
    for (model, (id, is_default, price)) in models["data"].as_array().unwrap().iter().zip(&expected) {
        assert_eq!((&model["id"], &model["default"], &model["price"]), (&json!(id), &json!(is_default), price));
        assert!(model["provider"].is_string(), "{model}");
    }
    assert_eq!(models["data"].as_array().unwrap().len(), expected.len());
}

#[tokio::test]
async fn a_price_that_is_none_stops_the_start() {
    let installation = Installation::new(Backend::Sqlite).set("engine.prices", "gpt-4o=cheap");
    let ended = installation.run(&["serve"]).await;
    assert_ne!(ended.code, Some(0));
    for said in ["`engine.prices` has \"gpt-4o=cheap\"", "COLLOQUY__ENGINE__PRICES", "gpt-4o=2.50/10"] {
        assert!(ended.err.contains(said), "{said} in {}", ended.err);
    }
}
