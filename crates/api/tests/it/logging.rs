//! What the log is told of a request, and what it must never be told.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use actix_web::test::TestRequest;
use domain::Unexpected;
use domain::conversation::TurnState;
use domain::user::Verification;

use crate::harness::{Ports, Server, TOKEN, answer, get, post_json, started, turn_id, user_id};

thread_local! {
    /// What has been logged on this thread, which is this test's own.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThreadLog;

impl Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Logs everything, down to the last trace.
///
/// It has to be done before the first request of any test: tracing remembers for the whole process whether somebody
/// listens to a line of code.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        tracing::subscriber::set_global_default(all.with_writer(|| ThreadLog).finish()).unwrap();
    });
}

/// What is logged while the request is answered.
async fn log_of(server: &Server, request: TestRequest) -> String {
    LOG.take();
    server.send(request).await;
    String::from_utf8(LOG.take()).unwrap()
}

#[actix_web::test]
async fn a_request_is_one_line_that_says_who_and_which_turn() {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|_| Ok(started(TurnState::Completed(answer("The answer.")), None)));
    let request = post_json("/chat", r#"{"question": "The question."}"#).insert_header(("X-Request-Id", "req-1"));
    let log = log_of(&ports.server(), request).await;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("request answered")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for field in [
        "method=\"POST\"".to_owned(),
        "path=\"/chat\"".to_owned(),
        "request_id=\"req-1\"".to_owned(),
        format!("user_id={}", user_id()),
        format!("turn_id={}", turn_id()),
        "status=200".to_owned(),
    ] {
        assert!(lines[0].contains(&field), "{field} is missing: {log}");
    }
}

#[actix_web::test]
async fn no_token_no_password_and_no_text_of_a_message() {
    let mut ports = Ports::with_caller();
    ports.runner.expect_start().return_once(|_| Ok(started(TurnState::Completed(answer("The answer.")), None)));
    ports.users.expect_find_for_login().returning(|_| Ok(None));
    ports.hasher.expect_verify().returning(|_, _| Ok(Verification::Mismatch));
    let server = ports.server();
    let login = TestRequest::post()
        .uri("/token?token=secret-in-the-url")
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload("username=ada&password=secret-password");
    let mut log = log_of(&server, post_json("/chat", r#"{"question": "The question."}"#)).await;
    log += &log_of(&server, login).await;
    log += &log_of(&server, get("/api/v1/me").insert_header(("Authorization", "Bearer secret-token"))).await;
    assert!(log.contains("request answered"));
    for secret in [TOKEN, "secret-token", "secret-password", "secret-in-the-url", "The question", "The answer"] {
        assert!(!log.contains(secret), "{secret:?} is in the log: {log}");
    }
}

#[actix_web::test]
async fn the_reason_of_a_failure_is_logged_once() {
    let mut ports = Ports::with_caller();
    ports.users.expect_find().return_once(|_| Err(Unexpected::new("the reason why")));
    let log = log_of(&ports.server(), get("/api/v1/me").insert_header(("X-Request-Id", "req-2"))).await;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the reason why")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("request_id=\"req-2\""), "{log}");
}

#[actix_web::test]
async fn what_a_client_did_wrong_is_no_error_of_the_server() {
    let log = log_of(&Ports::with_caller().server(), post_json("/chat", "{")).await;
    assert!(log.contains("status=400") && !log.contains("ERROR"), "{log}");
}
