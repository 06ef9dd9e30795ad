//! S28, as far as there are callers to tell apart: deny by default.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::Value;

use crate::harness::{Ports, conversation_id};

/// Every operation that nobody needs a token for.
const PUBLIC: &[(&str, &str)] = &[
    ("get", "/"),
    ("get", "/.well-known/jwks.json"),
    ("get", "/healthz"),
    ("get", "/logout"),
    ("get", "/openapi.json"),
    ("get", "/readyz"),
    ("get", "/version"),
    ("post", "/api/v1/users"),
    ("post", "/login"),
    ("post", "/revoke"),
    ("post", "/token"),
];

fn operations() -> Vec<(String, String, Value)> {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    assert!(operations.len() >= 15);
    operations
}

#[actix_web::test]
async fn s28_every_operation_needs_a_caller_unless_it_is_public() {
    let mut ports = Ports::untouched();
    ports.store.expect_check().returning(|| Ok(()));
    ports.published_keys.expect_published().returning(Vec::new);
    let server = ports.server();
    for (method, path, _) in operations() {
        let request = TestRequest::default()
            .method(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap())
            .uri(&path.replace("{id}", &conversation_id().to_string()));
        let reply = server.send(request).await;
        if PUBLIC.contains(&(method.as_str(), path.as_str())) {
            // Those for browsers want to know where the request comes from.
            assert!([200, 403, 415].contains(&reply.status.as_u16()), "{method} {path}: {reply:?}");
        } else {
            reply.problem(401, "unauthenticated");
        }
    }
}

#[test]
fn the_document_says_which_operations_need_a_caller() {
    for (method, path, operation) in operations() {
        let is_public = PUBLIC.contains(&(method.as_str(), path.as_str()));
        assert_eq!(operation.get("security").is_none(), is_public, "{method} {path}");
        let is_a_login = path == "/login";
        assert_eq!(operation["responses"].get("401").is_none(), is_public && !is_a_login, "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
    }
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let mut ids: Vec<String> =
        operations().iter().map(|(_, _, operation)| operation["operationId"].to_string()).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
}

#[test]
fn every_public_operation_exists() {
    let operations = operations();
    for (method, path) in PUBLIC {
        assert!(operations.iter().any(|(m, p, _)| m == method && p == path), "{method} {path}");
    }
}

#[test]
fn every_route_is_documented() {
    let table = include_str!("../../src/routes/mod.rs");
    let documented = operations();
    for line in table.split(".service(").skip(1) {
        let path = line.split('"').nth(1).unwrap();
        if path.starts_with("/docs") {
            continue;
        }
        for method in ["get", "post", "patch", "delete"] {
            let is_routed = line.contains(&format!(".{method}("));
            let is_documented = documented.iter().any(|(m, p, _)| m == method && p == path);
            assert_eq!(is_routed, is_documented, "{method} {path}");
        }
    }
}
