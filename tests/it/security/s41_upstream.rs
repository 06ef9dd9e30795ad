//! S41: nobody but the operator chooses where the server connects to.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::sent;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::upstream::{Behaviour, Upstream};

#[tokio::test]
async fn s41_a_redirect_of_the_upstream_is_not_followed() {
    let canary = Upstream::start(Behaviour::Tokens(2, std::time::Duration::ZERO)).await;
    let upstream = Upstream::start(Behaviour::Redirect(302, canary.address())).await;
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    for status in [301, 302, 303, 307, 308] {
        upstream.follow([Behaviour::Redirect(status, canary.address())]);
        ada.send("Why?").await.problem(502, "engine_error");
    }
    assert!(upstream.calls() >= 5, "the upstream was asked");
    assert_eq!(canary.calls(), 0, "and nobody else");
}

#[tokio::test]
async fn s41_a_client_cannot_choose_whom_the_server_asks() {
    let canary = Upstream::start(Behaviour::Tokens(2, std::time::Duration::ZERO)).await;
    let upstream = Upstream::start(Behaviour::Tokens(2, std::time::Duration::ZERO)).await;
    let server = Installation::new(Backend::Sqlite).answered_by(&upstream).start().await;
    let ada = server.client().newcomer("ada").await;
    let evil = format!("http://{}/v1", canary.address());
    for field in ["base_url", "api_base", "url", "endpoint", "engine", "provider", "webhook_url", "proxy"] {
        let body = json!({"question": "Why?", field: evil});
        ada.post("/chat", &body).await.problem(422, "validation_failed");
    }
    for model in [evil.clone(), format!("fake@{evil}"), format!("{evil}#fake"), "../fake".to_owned()] {
        assert_eq!(ada.post("/chat", &json!({"question": "Why?", "model": model})).await.status, 422, "{model}");
    }
    for header in ["x-base-url", "x-forwarded-host", "forwarded", "x-original-url", "openai-base-url", "referer"] {
        let question = ada.chat("Why?").header(header, format!("{evil}/{header}"));
        assert_eq!(sent(question).await.status, 200, "{header}");
    }
    // What is said is no place to go to either.
    ada.ask(&*format!("Read {evil}/page and ![this]({evil}/picture.png) for me.")).await;
    assert_eq!(ada.request(Method::GET, "/version").header("host", "evil.example").send().await.unwrap().status(), 200);
    assert_eq!(as_through_a_proxy(server.address(), &canary).await, "HTTP/1.1 200 OK");
    assert_eq!(canary.calls(), 0);
}

/// The first line of the answer to a request whose target is another server (RFC 9112 §3.2.2).
async fn as_through_a_proxy(address: &str, canary: &Upstream) -> String {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).await.unwrap();
    let target = canary.address();
    let request = format!("GET http://{target}/version HTTP/1.1\r\nhost: {target}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}
