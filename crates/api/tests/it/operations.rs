use actix_web::test::TestRequest;
use domain::Unexpected;
use serde_json::json;

use crate::harness::{METRICS_TOKEN, Ports, Reply, Server};

async fn get(server: &Server, path: &str) -> Reply {
    server.send(TestRequest::get().uri(path)).await
}

#[actix_web::test]
async fn the_process_is_alive_whatever_the_store_does() {
    let server = Ports::untouched().server();
    server.drain();
    let reply = get(&server, "/healthz").await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({"status": "ok"})));
}

#[actix_web::test]
async fn readiness_is_the_stores() {
    let mut ports = Ports::untouched();
    ports.store.expect_check().times(1).returning(|| Ok(()));
    ports.store.expect_check().times(1).returning(|| Err(Unexpected::unavailable("away")));
    ports.store.expect_check().times(1).returning(|| Err(Unexpected::new("the schema is of version 3")));
    let server = ports.server();
    let reply = get(&server, "/readyz").await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({"status": "ready"})));
    get(&server, "/readyz").await.problem(503, "store_unavailable");
    get(&server, "/readyz").await.problem(503, "store_unavailable");
}

#[actix_web::test]
async fn a_server_that_is_stopped_is_not_ready() {
    let server = Ports::untouched().server();
    server.drain();
    get(&server, "/readyz").await.problem(503, "draining");
}

#[actix_web::test]
async fn the_build_is_told() {
    let reply = get(&Ports::untouched().server(), "/version").await;
    assert_eq!(reply.json(), json!({"name": "colloquy", "version": "1.2.3", "commit": "abc1234"}));
}

#[actix_web::test]
async fn the_root_shows_the_way() {
    let reply = get(&Ports::untouched().server(), "/").await;
    assert_eq!(reply.json(), json!({"name": "colloquy", "docs": "/docs/", "openapi": "/openapi.json"}));
}

#[actix_web::test]
async fn the_document_is_openapi_3_1() {
    let reply = get(&Ports::untouched().server(), "/openapi.json").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document, serde_json::to_value(api::openapi()).unwrap());
}

#[actix_web::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let text = document.to_string();
    let references: Vec<&str> = text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 20);
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[actix_web::test]
async fn the_documentation_can_be_browsed_without_another_server() {
    let server = Ports::untouched().server();
    let redirect = get(&server, "/docs").await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location")), (302, Some("/docs/")));

    let page = get(&server, "/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    // What the policy forbids must not be needed: inline scripts and styles, and other servers.
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(!html.contains("<style") && !html.contains("<script>") && !html.contains("://"), "{html}");
    let files = html.split(['"', '\'']).filter(|part| is_script_or_style(part));
    let mut count = 0;
    for file in files {
        count += 1;
        let reply = get(&server, &format!("/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(reply.status, 200, "{file}");
        assert!(!reply.body.is_empty(), "{file}");
    }
    assert!(count >= 4, "{html}");
    let initializer = get(&server, "/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&initializer.body).contains("/openapi.json"));
    get(&server, "/docs/nothing.js").await.problem(404, "not_found");
    get(&server, "/docs/..%2fCargo.toml").await.problem(404, "not_found");
}

fn is_script_or_style(file: &str) -> bool {
    std::path::Path::new(file).extension().is_some_and(|extension| extension == "js" || extension == "css")
}

#[actix_web::test]
async fn measurements_are_for_whoever_has_the_token() {
    let server = Ports::untouched().server();
    get(&server, "/metrics").await.problem(401, "unauthenticated");
    let with =
        |token: &str| TestRequest::get().uri("/metrics").insert_header(("Authorization", format!("Bearer {token}")));
    server.send(with("another-token-of-that-length")).await.problem(401, "invalid_token");
    let reply = server.send(with(METRICS_TOKEN)).await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &b"measured 1\n"[..]));
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));

    let mut closed = Ports::untouched().server();
    closed.settings.metrics = None;
    closed.send(with(METRICS_TOKEN)).await.problem(404, "not_found");
}
