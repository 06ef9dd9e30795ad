//! S43, in part: how deep a body may be nested, and how long a page may be.

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Caller, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;

async fn post(ada: &Caller, path: &str, body: String) -> Reply {
    sent(ada.request(Method::POST, path).header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn s43_bodies_that_are_nested_too_deep_are_refused_and_cost_nothing() {
    let installation = Installation::new(Backend::Sqlite);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let before = installation.database().row_counts();
    for depth in [128, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = open.repeat(depth).chars().take(250_000).collect::<String>();
            let closed = format!("{}0{}", open.repeat(depth.min(40_000)), close.repeat(depth.min(40_000)));
            for body in [
                nested.clone(),
                closed.clone(),
                format!("{{\"question\": {closed}}}"),
                format!("{{\"question\": \"Why?\", \"unknown\": {closed}}}"),
                format!("{{\"metadata\": {closed}}}"),
            ] {
                for path in ["/chat", "/api/v1/conversations", "/api/v1/users"] {
                    let refused = post(&ada, path, body.clone()).await;
                    assert!([400, 413, 422].contains(&refused.status), "{path}, {depth} deep, {body:.30}: {refused:?}");
                }
            }
        }
    }
    assert_eq!(installation.database().row_counts(), before);
    assert_eq!(ada.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn s43_pages_have_one_to_a_hundred_rows() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let ada = server.client().newcomer("ada").await;
    let conversation = ada.new_conversation().await;
    for path in ["/api/v1/conversations".to_owned(), format!("/api/v1/conversations/{conversation}/turns")] {
        for good in ["1", "100"] {
            assert_eq!(ada.get(&format!("{path}?limit={good}")).await.status, 200, "{good}");
        }
        for bad in ["0", "101", "-1", "1e2", "", "18446744073709551616", "x", "1&limit=2"] {
            let problem = ada.get(&format!("{path}?limit={bad}")).await.problem(422, "validation_failed");
            assert_eq!(problem.errors[0].pointer, "/limit", "{bad}");
        }
    }
    assert_eq!(ada.post("/chat", &json!({"question": "x".repeat(300_000)})).await.status, 413);
}
