//! Questions in a minute and answers at once, for each user (S43): whole, as events and over a socket.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Caller, Question, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;
use crate::support::waiting::eventually;
use crate::support::websocket::WebSocket;

#[tokio::test]
async fn s43_questions_beyond_those_of_a_minute_are_refused_and_not_stored() {
    // One comes back in half a minute, which is as long as anything here may take.
    let installation = Installation::new(Backend::Sqlite).limited().set("rate_limit.turns_per_minute", 2);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let conversation = ada.new_conversation().await;
    let asked = async |text: &str| ada.send(Question::from(text).in_conversation(conversation)).await;
    let first = asked("one").await;
    assert_eq!((first.status, first.header("ratelimit-policy")), (200, Some("\"turns\";q=2;w=60")));
    assert!(first.header("ratelimit").unwrap().starts_with("\"turns\";r=1;t="), "{first:?}");
    let path = format!("/api/v1/conversations/{conversation}/turns");
    assert_eq!(ada.post(&path, &json!({"input": "two"})).await.status, 201);

    let refused = [asked("three").await, ada.post(&path, &json!({"input": "four", "background": true})).await];
    for reply in refused {
        reply.problem(429, "rate_limited");
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
        assert!(reply.header("ratelimit").unwrap().starts_with("\"turns\";r=0;t="), "{reply:?}");
    }
    let refused = ada.stream(Question::from("five").in_conversation(conversation)).await.err().unwrap();
    refused.problem(429, "rate_limited");
    let mut socket = ada.web_socket().await.ok().unwrap();
    socket.send(&json!({"type": "turn.create", "input": "six", "idempotency_key": "k"})).await;
    let frame = socket.next().await.unwrap();
    assert_eq!(
        (&frame["type"], &frame["status"], &frame["idempotency_key"]),
        (&json!("error"), &json!(429), &json!("k"))
    );
    assert_eq!(frame["error"]["code"], "rate_limited");
    assert!(frame["error"]["retry_after"].as_u64().is_some_and(|wait| (1..=30).contains(&wait)), "{frame}");

    let stored: Vec<String> = ada.turns(conversation).await.into_iter().map(|turn| turn.request_question).collect();
    assert_eq!(stored, ["one", "two"]);
    assert_eq!(server.client().newcomer("bob").await.send("one").await.status, 200, "others are counted apart");
}

/// Two answers at once, and an engine that never comes to an end.
fn two_at_once() -> Installation {
    let endless = Installation::new(Backend::Sqlite).limited().answering(1, 20).set("engine.scripted.endless", true);
    endless.set("rate_limit.concurrent_streams", 2)
}

/// A turn that has ended, to see by whether there is a place left to read it.
async fn ended_turn(caller: &Caller) -> Uuid {
    let turn = running_turn(caller).await;
    caller.cancel(turn).await;
    caller.ended_turn(turn).await;
    has_place(caller, turn).await;
    turn
}

/// A turn that runs in the background, in a conversation of its own.
async fn running_turn(caller: &Caller) -> Uuid {
    let reply = ask_in_background(caller).await;
    reply.body::<Value>(202)["id"].as_str().unwrap().parse().unwrap()
}

async fn ask_in_background(caller: &Caller) -> Reply {
    let conversation = caller.new_conversation().await;
    let path = format!("/api/v1/conversations/{conversation}/turns");
    caller.post(&path, &json!({"input": "Go on", "background": true})).await
}

async fn look(caller: &Caller, ended: Uuid) -> u16 {
    let reply = caller.get(&format!("/api/v1/turns/{ended}/events")).await;
    if reply.status != 200 {
        reply.problem(429, "too_many_streams");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    reply.status
}

/// Waits for a place to be free.
async fn has_place(caller: &Caller, ended: Uuid) {
    eventually("a place is free", async || (look(caller, ended).await == 200).then_some(())).await;
}

async fn hears(socket: &mut WebSocket, frame: &Value) -> Value {
    socket.send(frame).await;
    socket.next().await.unwrap()
}

#[tokio::test]
async fn s43_more_answers_than_there_may_be_at_once_are_refused_however_they_are_wanted() {
    let server = two_at_once().start().await;
    let ada = server.client().newcomer("ada").await;
    let ended = ended_turn(&ada).await;
    // One that is read along and one that is not.
    let mut stream = ada.stream(Question::from("Go on").in_conversation(ada.new_conversation().await)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().name, "turn.created");
    let running = running_turn(&ada).await;

    assert_eq!(look(&ada, ended).await, 429);
    ask_in_background(&ada).await.problem(429, "too_many_streams");
    ada.send("Go on").await.problem(429, "too_many_streams");
    let mut socket = ada.web_socket().await.ok().unwrap();
    for frame in [json!({"type": "turn.create", "input": "a"}), json!({"type": "turn.resume", "turn_id": running})] {
        let heard = hears(&mut socket, &frame).await;
        assert_eq!((&heard["status"], &heard["error"]["code"]), (&json!(429), &json!("too_many_streams")), "{heard}");
    }
    assert_eq!(ada.cancel(running).await.status, 202, "one can always stop");
    has_place(&ada, ended).await;
    let bob = server.client().newcomer("bob").await;
    ask_in_background(&bob).await.body::<Value>(202);
}

#[tokio::test]
async fn s43_a_place_is_free_again_in_whatever_way_a_reader_goes() {
    let server = two_at_once().start().await;
    let ada = server.client().newcomer("ada").await;
    let ended = ended_turn(&ada).await;
    let running = running_turn(&ada).await;

    // A reader of events who hangs up.
    let mut reader = ada.events(running).await;
    reader.next().await.unwrap();
    assert_eq!(look(&ada, ended).await, 429);
    drop(reader);
    has_place(&ada, ended).await;

    // A socket that breaks, and one whose session ends.
    for breaks in [true, false] {
        let again = server.client().log_in("ada").await;
        let mut socket = again.web_socket().await.ok().unwrap();
        let created = hears(&mut socket, &json!({"type": "turn.resume", "turn_id": running})).await;
        assert_eq!(created["type"], "turn.created", "{created}");
        assert_eq!(look(&ada, ended).await, 429);
        if breaks {
            drop(socket);
        } else {
            again.log_out().await;
            assert_eq!(socket.closed().await, 4401);
        }
        has_place(&ada, ended).await;
    }

    // An asker whose question ends with them, whether they wait for all of it or read along.
    for streams in [false, true] {
        let conversation = ada.new_conversation().await;
        let question = Question::from("Go on").in_conversation(conversation).with("on_disconnect", "cancel");
        let asking = ada.chat(question.with("stream", streams));
        let asked = tokio::spawn(async move { asking.send().await.unwrap().text().await });
        eventually("it runs", async || (look(&ada, ended).await == 429).then_some(())).await;
        asked.abort();
        has_place(&ada, ended).await;
    }
    assert_eq!(ada.turn(running).await.status, "running", "and all the while that one took its place");
}

#[tokio::test]
async fn s43_an_answer_that_nobody_reads_any_more_takes_its_place_until_it_has_ended() {
    let server = two_at_once().start().await;
    let ada = server.client().newcomer("ada").await;
    let ended = ended_turn(&ada).await;
    let other = running_turn(&ada).await;
    let conversation = ada.new_conversation().await;
    let mut stream = ada.stream(Question::from("Go on").in_conversation(conversation)).await.unwrap();
    stream.next().await.unwrap();
    drop(stream);
    // That its reader has gone is noticed by the time that another has come and gone.
    assert_eq!(ada.cancel(other).await.status, 202);
    ada.ended_turn(other).await;
    has_place(&ada, ended).await;
    let next = running_turn(&ada).await;
    assert_eq!(look(&ada, ended).await, 429);
    for turn in [next, ada.turns(conversation).await[0].id] {
        assert_eq!(sent(ada.request(Method::POST, &format!("/api/v1/turns/{turn}/cancel"))).await.status, 202);
        ada.ended_turn(turn).await;
    }
    has_place(&ada, ended).await;
}

#[tokio::test]
async fn s43_who_is_answered_may_ask_again_at_once() {
    let installation = Installation::new(Backend::Sqlite).limited().set("rate_limit.turns_per_minute", 0);
    let server = installation.set("rate_limit.concurrent_streams", 1).start().await;
    let ada = server.client().newcomer("ada").await;
    let mut socket = ada.web_socket().await.ok().unwrap();
    for _ in 0..20 {
        ada.ask("Who are you?").await;
        let mut stream = ada.stream("Who are you?").await.unwrap();
        while stream.next().await.is_some() {}
        socket.send(&json!({"type": "turn.create", "input": "Who are you?"})).await;
        let frames = socket.until(&["turn.completed", "error"]).await;
        assert_eq!(frames.last().unwrap()["type"], "turn.completed", "{frames:?}");
    }
}
