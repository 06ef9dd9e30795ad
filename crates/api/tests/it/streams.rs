//! Server-sent events: what is asked for, what is sent, and where reading goes on.

use actix_web::test::TestRequest;
use domain::access::CredentialId;
use domain::chat::{
    AcceptError, Cancellation, ConversationChoice, Finished, OnBusy, OnDisconnect, Started, TurnEvents,
};
use domain::conversation::{Failure, Part, TurnState};
use domain::id::TurnId;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Ports, Reply, answer, conversation_id, get, model, post, post_json, session_id, started, turn, turn_id,
};

/// The events of a body: name, id, data.
fn events(reply: &Reply) -> Vec<(String, String, Value)> {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let text = std::str::from_utf8(&reply.body).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"), "{text}");
    text.split_terminator("\n\n").map(event).collect()
}

fn event(block: &str) -> (String, String, Value) {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    (field("event: ").to_owned(), field("id: ").to_owned(), serde_json::from_str(field("data: ")).unwrap())
}

fn names(reply: &Reply) -> Vec<String> {
    events(reply).into_iter().map(|(name, id, _)| format!("{name} {id}")).collect()
}

fn asking() -> TestRequest {
    post_json("/chat", r#"{"question": "a", "stream": true}"#)
}

fn path() -> String {
    format!("/api/v1/turns/{}/events", turn_id())
}

fn answering(state: TurnState) -> Ports {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|_| Ok(started(state, None)));
    ports
}

fn stored(state: TurnState) -> Ports {
    let mut ports = Ports::with_caller();
    ports.turns.expect_find().returning(move |_, id, _| Ok((id == turn_id()).then(|| turn(state.clone()))));
    ports
}

#[actix_web::test]
async fn an_answer_is_told_as_it_comes() {
    let reply = answering(TurnState::Completed(answer("Grüße."))).server().send(asking()).await;
    let events = events(&reply);
    let told: Vec<_> = events.iter().map(|(name, id, _)| (name.as_str(), id.as_str())).collect();
    assert_eq!(
        told,
        [("turn.created", "0.0"), ("turn.delta", "0.8"), ("turn.usage", "0.8"), ("turn.completed", "0.8")]
    );
    let (turn, conversation, session) =
        (turn_id().to_string(), conversation_id().to_string(), session_id().to_string());
    let created = json!({"turn_id": turn, "conversation_id": conversation, "session_id": session, "status": "running"});
    assert_eq!(events[0].2, created);
    assert_eq!(events[1].2, json!({"text": "Grüße."}));
    assert_eq!(events[2].2, json!({"input_tokens": 40, "output_tokens": 2, "total_tokens": 42}));
    let ended = json!({
        "turn_id": turn, "conversation_id": conversation, "session_id": session, "status": "completed",
        "incomplete_reason": null, "length": 8, "graph_url": null, "model": null,
        "completed_at": "2026-01-02T03:04:05.120000Z", "error": null,
    });
    assert_eq!(events[3].2, ended);
}

#[actix_web::test]
async fn the_media_type_asks_for_events_too() {
    for (accept, is_stream) in [
        ("text/event-stream", true),
        ("application/json, text/event-stream;q=0.5", true),
        ("Text/Event-Stream", true),
        ("text/event-stream;q=0", false),
        ("*/*", false),
        ("application/json", false),
    ] {
        let request = post_json("/chat", r#"{"question": "a"}"#).insert_header(("Accept", accept));
        let reply = answering(TurnState::Completed(answer("Yes."))).server().send(request).await;
        assert_eq!(reply.header("content-type") == Some("text/event-stream"), is_stream, "{accept}");
    }
    let request = post_json("/chat", r#"{"question": "a", "stream": false}"#);
    let request = request.insert_header(("Accept", "text/event-stream"));
    let reply = answering(TurnState::Completed(answer("Yes."))).server().send(request).await;
    assert_eq!(reply.header("content-type"), Some("application/json"), "what the body says counts");
}

#[actix_web::test]
async fn parts_are_told_in_their_place() {
    let image = Part::Image { url: "/files/1".to_owned(), alt: None };
    let mut whole = answer("See here.");
    let text = |text: &str| Part::Text { text: text.to_owned() };
    whole.parts = Some(vec![text("See "), image, text("here.")]);
    let reply = answering(TurnState::Completed(whole)).server().send(asking()).await;
    let expected = [
        "turn.created 0.0",
        "turn.delta 0.4",
        "turn.part 1.4",
        "turn.delta 1.9",
        "turn.usage 1.9",
        "turn.completed 1.9",
    ];
    assert_eq!(names(&reply), expected);
    let part = json!({"index": 1, "part": {"type": "image", "url": "/files/1", "alt": null}});
    assert_eq!(events(&reply)[2].2, part);
}

#[actix_web::test]
async fn a_failure_is_an_event_once_the_stream_has_begun() {
    let mut ports = Ports::with_caller();
    let failed = TurnState::Failed(Failure::EngineUnavailable);
    let after = std::time::Duration::from_millis(6_500);
    ports.runner.expect_start().return_once(move |_| Ok(started(failed, Some(after))));
    let reply = ports.server().send(asking()).await;
    assert_eq!(names(&reply), ["turn.created 0.0", "turn.failed 0.0"]);
    let ended = &events(&reply)[1].2;
    assert_eq!((&ended["status"], &ended["length"]), (&json!("failed"), &json!(0)));
    assert_eq!((&ended["error"]["code"], &ended["error"]["retry_after"]), (&json!("engine_unavailable"), &json!(7)));
}

#[actix_web::test]
async fn what_is_refused_before_anything_runs_is_a_problem() {
    let mut ports = Ports::with_caller();
    let running = TurnId::from_uuid(Uuid::from_u128(77));
    ports.runner.expect_start().return_once(move |_| Err(AcceptError::ConversationBusy { running }));
    let problem = ports.server().send(asking()).await.problem(409, "conversation_busy");
    assert_eq!(problem["turn_id"], running.to_string());
}

#[actix_web::test]
async fn the_same_request_again_is_read_along_or_replayed() {
    let mut ports = stored(TurnState::Completed(answer("Yes.")));
    ports.runner.expect_start().return_once(|_| Err(AcceptError::InProgress { running: turn_id() }));
    let reply = ports.server().send(asking()).await;
    assert_eq!(names(&reply), ["turn.created 0.0", "turn.delta 0.4", "turn.usage 0.4", "turn.completed 0.4"]);
    assert_eq!(reply.header("idempotent-replayed"), Some("true"));

    let mut ports = Ports::with_caller();
    let before = turn(TurnState::Completed(answer("Yes.")));
    ports.runner.expect_start().return_once(|_| Ok(Started::Replayed(Box::new(before))));
    let reply = ports.server().send(asking()).await;
    assert_eq!((names(&reply).len(), reply.header("idempotent-replayed")), (4, Some("true")));
}

#[actix_web::test]
async fn reading_goes_on_from_a_position() {
    let server = stored(TurnState::Completed(answer("Grüße."))).server();
    let all = ["turn.created 0.0", "turn.delta 0.8", "turn.usage 0.8", "turn.completed 0.8"];
    assert_eq!(names(&server.send(get(&path())).await), all);
    let rest = |reply: &Reply| events(reply).first().map(|(_, _, data)| data["text"].clone());
    let header = server.send(get(&path()).insert_header(("Last-Event-ID", "0.4"))).await;
    assert_eq!(names(&header), all[1..]);
    assert_eq!(rest(&header), Some(json!("ße.")));
    let query = get(&(path() + "?starting_after=0.6")).insert_header(("Last-Event-ID", "0.4"));
    assert_eq!(rest(&server.send(query).await), Some(json!("e.")), "the query beats the header");
    let nothing = server.send(get(&path()).insert_header(("Last-Event-ID", ""))).await;
    assert_eq!(names(&nothing), all, "an empty header is none");
    let ahead = server.send(get(&(path() + "?starting_after=0.99"))).await;
    assert_eq!(names(&ahead), all[2..], "who is ahead learns the stored length");
    let start = server.send(get(&(path() + "?starting_after=0.0"))).await;
    assert_eq!(names(&start), all[1..], "who stands at the start has seen it created");
}

#[actix_web::test]
async fn a_running_turn_is_followed_from_there() {
    let mut ports = stored(TurnState::Running { response: "So far".to_owned() });
    ports.live.expect_follow().once().withf(|id, from| *id == turn_id() && from.offset == 3).returning(
        |_, from| -> TurnEvents {
            let finished = Finished { turn: turn(TurnState::Cancelled(answer("So far"))), retry_after: None };
            Box::pin(stream::iter(finished.into_events(from)))
        },
    );
    let reply = ports.server().send(get(&(path() + "?starting_after=0.3"))).await;
    assert_eq!(names(&reply), ["turn.delta 0.6", "turn.usage 0.6", "turn.cancelled 0.6"]);
}

#[actix_web::test]
async fn bad_positions_are_refused() {
    let server = stored(TurnState::Completed(answer("Yes."))).server();
    for bad in ["0", "0.", "-1.0", "0.x", "99999999999999999999.0"] {
        let query = get(&format!("{}?starting_after={bad}", path()));
        assert_eq!(server.send(query).await.pointers(), ["/starting_after"], "{bad}");
        let header = get(&path()).insert_header(("Last-Event-ID", bad));
        server.send(header).await.problem(400, "invalid_request");
    }
    assert_eq!(server.send(get(&(path() + "?after=0.0"))).await.pointers(), ["/after"]);
    let twice = get(&(path() + "?starting_after=0.0&starting_after=0.1"));
    assert_eq!(server.send(twice).await.pointers(), ["/starting_after"]);
    let missing = format!("/api/v1/turns/{}/events", Uuid::from_u128(1));
    server.send(get(&missing)).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_reader_hears_that_its_session_is_over() {
    let mut ports = stored(TurnState::Running { response: String::new() });
    ports.live.expect_follow().returning(|_, _| stream::pending().boxed());
    ports.watch = domain::session::MockCredentialWatch::new();
    ports
        .watch
        .expect_ended()
        .withf(|id| *id == CredentialId::Session(session_id()))
        .returning(|_| Box::pin(std::future::ready(())));
    let reply = ports.server().send(get(&path())).await;
    assert_eq!(names(&reply), ["session.ended "]);
}

#[actix_web::test]
async fn a_reader_that_is_behind_hears_of_its_session_and_no_more_of_the_turn() {
    let long = "x".repeat(1_000_000);
    let mut ports = stored(TurnState::Completed(answer(&long)));
    ports.watch = domain::session::MockCredentialWatch::new();
    ports.watch.expect_ended().returning(|_| Box::pin(std::future::ready(())));
    let reply = ports.server().send(get(&path())).await;
    assert_eq!(names(&reply), ["session.ended "]);
}

#[actix_web::test]
async fn a_turn_is_made_in_a_conversation_with_all_that_can_be_said() {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|plan| {
        assert_eq!(plan.turn.conversation, ConversationChoice::Existing(conversation_id()));
        assert_eq!(plan.turn.model, Some(model()));
        assert_eq!(plan.turn.metadata.pairs().get("a").map(String::as_str), Some("1"));
        assert_eq!((plan.on_busy, plan.on_disconnect), (OnBusy::Interrupt, OnDisconnect::Cancel));
        assert_eq!(plan.sampling.temperature.map(domain::chat::Temperature::get), Some(0.5));
        assert_eq!(plan.sampling.max_output_tokens.map(domain::chat::OutputTokens::get), Some(100));
        Ok(started(TurnState::Completed(answer("Yes.")), None))
    });
    let body = json!({
        "input": "a", "model": "large", "on_busy": "interrupt", "on_disconnect": "cancel", "temperature": 0.5,
        "max_output_tokens": 100, "metadata": {"a": "1"}, "stream": false, "background": false,
    });
    let reply = ports.server().send(post_json(&turns(), &body.to_string())).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.header("location"), Some(format!("/api/v1/turns/{}", turn_id()).as_str()));
    assert_eq!((&reply.json()["response"], &reply.json()["status"]), (&json!("Yes."), &json!("completed")));
}

#[actix_web::test]
async fn what_is_wrong_with_a_turn_is_named() {
    let server = Ports::with_caller().server();
    for (body, pointers) in [
        (json!({}), vec!["/input"]),
        (json!({"input": "a", "parent_turn_id": turn_id().to_string()}), vec!["/parent_turn_id"]),
        (json!({"input": "a", "temperature": 2.5}), vec!["/temperature"]),
        (json!({"input": "a", "temperature": "hot"}), vec!["/temperature"]),
        (json!({"input": "a", "max_output_tokens": 0}), vec!["/max_output_tokens"]),
        (json!({"input": "a", "metadata": {"": "1"}}), vec!["/metadata"]),
        (json!({"input": "a", "stream": true, "background": true}), vec!["/stream"]),
        (json!({"input": "a", "on_disconnect": "cancel", "background": true}), vec!["/on_disconnect"]),
        (json!({"input": "", "on_busy": "wait"}), vec!["/input", "/on_busy"]),
    ] {
        assert_eq!(server.send(post_json(&turns(), &body.to_string())).await.pointers(), pointers, "{body}");
    }
}

#[actix_web::test]
async fn a_turn_in_the_background_is_told_at_once() {
    let mut ports = stored(TurnState::Running { response: String::new() });
    ports.runner.expect_start().return_once(|_| Ok(started(TurnState::Completed(answer("Later.")), None)));
    let body = json!({"input": "a", "background": true}).to_string();
    let reply = ports.server().send(post_json(&turns(), &body)).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (202, &json!("running")));
    assert_eq!(reply.header("location"), Some(format!("/api/v1/turns/{}", turn_id()).as_str()));

    let mut ports = stored(TurnState::Running { response: String::new() });
    ports.runner.expect_start().return_once(|_| Err(AcceptError::InProgress { running: turn_id() }));
    let reply = ports.server().send(post_json(&turns(), &body)).await;
    assert_eq!((reply.status.as_u16(), reply.header("idempotent-replayed")), (202, Some("true")));
}

#[actix_web::test]
async fn stopping_a_turn_is_accepted_however_often() {
    for (cancellation, state) in [
        (
            Cancellation::Requested { by: domain::id::ReplicaId::from_uuid(Uuid::from_u128(1)) },
            TurnState::Running { response: "So".to_owned() },
        ),
        (Cancellation::Ended, TurnState::Completed(answer("Yes."))),
    ] {
        let status = state.as_str();
        let mut ports = stored(state);
        ports.live.expect_cancel().returning(move |_, _| Ok(Some(cancellation)));
        let reply = ports.server().send(post(&format!("/api/v1/turns/{}/cancel", turn_id()))).await;
        assert_eq!(reply.status, 202);
        assert_eq!(reply.json(), json!({"turn_id": turn_id().to_string(), "status": status}));
    }
    let mut ports = Ports::with_caller();
    ports.live.expect_cancel().returning(|_, _| Ok(None));
    ports.server().send(post(&format!("/api/v1/turns/{}/cancel", turn_id()))).await.problem(404, "not_found");
}

fn turns() -> String {
    format!("/api/v1/conversations/{}/turns", conversation_id())
}
