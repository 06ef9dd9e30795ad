//! What is measured of a running server, and who may read it.

use std::net::TcpListener;

use reqwest::Method;

use crate::support::client::{Client, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;
use crate::support::waiting::eventually;

on_both_stores!(a_chat_is_counted_and_names_nobody);

const TOKEN: &str = "whoever-has-this-reads";

#[tokio::test]
async fn s47_measurements_are_not_there_by_default() {
    let secret = "a secret of more than thirty-two bytes";
    let test = Installation::new(Backend::Sqlite);
    let production = Installation::new(Backend::Sqlite)
        .variable("COLLOQUY_PROFILE", "production")
        .set("auth.secret", secret)
        .set("server.host", "127.0.0.1")
        .set("engine.kind", "builtin");
    for installation in [test, production] {
        let server = installation.start().await;
        let client = server.client();
        for token in [None, Some(TOKEN), Some("")] {
            read(&client, token).await.problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn s47_measurements_on_the_main_port_need_their_own_token() {
    let server = Installation::new(Backend::Sqlite).set("metrics.token", TOKEN).start().await;
    let client = server.client();
    let unasked = read(&client, None).await;
    unasked.problem(401, "unauthenticated");
    assert!(unasked.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{unasked:?}");
    assert!(unasked.text.contains("metrics.token"), "{unasked:?}");
    let ada = client.newcomer("ada").await;
    let hers = ada.authorization();
    for wrong in ["whoever-has-this-read", "whoever-has-this-reads-", hers.strip_prefix("Bearer ").unwrap()] {
        read(&client, Some(wrong)).await.problem(401, "invalid_token");
    }
    assert!(measured(&client, Some(TOKEN)).await.contains("colloquy_"));
}

#[tokio::test]
async fn measurements_on_a_port_of_their_own_need_none() {
    let port = free_port();
    let server = Installation::new(Backend::Sqlite).set("metrics.port", port).start().await;
    read(&server.client(), Some(TOKEN)).await.problem(404, "not_found");
    let own = Client::new(&format!("http://127.0.0.1:{port}"));
    assert!(measured(&own, None).await.contains("colloquy_"));
    assert_eq!(own.get("/healthz").await.status, 404, "it has nothing else");
}

async fn a_chat_is_counted_and_names_nobody(backend: Backend) {
    let server = Installation::new(backend).answering(5, 0).set("metrics.token", TOKEN).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let answer = ada.ask("My name is Ada.").await;
    assert_eq!(ada.get(&format!("/api/v1/turns/{}", answer.turn_id)).await.status, 200);
    ada.events(answer.turn_id).await.into_transcript().await;
    for path in ["/no-such-place", "/api/v1/turns/no-such-id", "/api/v1/me?no-such=query"] {
        ada.get(path).await;
    }
    // Requests are counted once they have been responded to; this is the last thing that is counted.
    let text = eventually("everything is counted", async || {
        let text = measured(&client, Some(TOKEN)).await;
        let is_counted = [
            r#"colloquy_turns_total{status="completed",reason=""} 1"#,
            "colloquy_turns_running 0",
            "colloquy_readers 0",
            "colloquy_turn_seconds_count 1",
            "colloquy_first_token_seconds_count 1",
            r#"colloquy_tokens_total{direction="output"} "#,
            r#"colloquy_http_requests_total{method="POST",route="/chat",status="200"} 1"#,
            r#"colloquy_http_requests_total{method="GET",route="/api/v1/turns/{id}",status="200"} 1"#,
            r#"colloquy_http_requests_total{method="GET",route="/api/v1/turns/{id}",status="404"} 1"#,
            r#"colloquy_http_requests_total{method="GET",route="/api/v1/turns/{id}/events",status="200"} 1"#,
            r#"colloquy_http_requests_total{method="GET",route="",status="404"} 1"#,
            r#"colloquy_http_request_seconds_count{method="POST",route="/chat"} 1"#,
            r#"colloquy_pool_size{pool="requests"} "#,
            r#"colloquy_journal_batch_size_bucket{writer=""#,
            "colloquy_tick_seconds_count ",
            "colloquy_tick_failures_total 0",
            "colloquy_turns_reaped_total 0",
            r#"colloquy_pool_refused_total{pool="requests"} 0"#,
        ]
        .map(|line| text.lines().any(|told| told.starts_with(line)));
        is_counted.iter().all(|is_counted| *is_counted).then_some(text)
    })
    .await;

    let ids = [answer.turn_id, answer.conversation_id, ada.session_id].map(|id| id.to_string());
    for secret in ["no-such", "ada", "Ada", TOKEN, "?"].into_iter().chain(ids.iter().map(String::as_str)) {
        let mut telling = text.lines().filter(|line| !line.starts_with('#') && line.contains(secret));
        assert_eq!(telling.next(), None, "{secret:?} is told");
    }
    let helped = |name: &str| text.contains(&format!("# HELP {name} "));
    assert!(helped("colloquy_turns_total") && helped("colloquy_http_request_seconds"), "{text}");
}

async fn measured(client: &Client, token: Option<&str>) -> String {
    let reply = read(client, token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.header("content-type").is_some_and(|value| value.starts_with("text/plain")), "{reply:?}");
    reply.text
}

async fn read(client: &Client, token: Option<&str>) -> Reply {
    let request = client.request(Method::GET, "/metrics");
    sent(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

/// One that nobody listens on. Somebody else may take it before the server does, but hardly ever will.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
