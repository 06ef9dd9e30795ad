//! GET and HEAD never change anything, but for the guarded `/logout`.

use reqwest::Method;
use serde_json::Value;

use crate::support::client::sent;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(a_crawl_leaves_the_database_as_it_was);

async fn a_crawl_leaves_the_database_as_it_was(backend: Backend) {
    let installation = Installation::new(backend);
    installation.make_admin("root").await;
    let server = installation.start().await;
    let root = server.client().log_in("root").await;
    let asked = root.ask("My name is Root.").await;
    let user = root.user_id().await.to_string();
    let everything = || {
        let columns = [
            ("users", "id, username, email, hashed_password, role, is_active, last_login"),
            ("sessions", "id, ended_at, expires_at, conversation_id, authenticated_at"),
            ("conversations", "id, title, leaf_turn_id, last_seq, updated_at"),
            ("turns", "id, status, response, seq, cancel_requested_at"),
            ("api_keys", "id, revoked_at"),
        ];
        columns.map(|(table, columns)| {
            let columns: Vec<String> =
                columns.split(", ").map(|column| format!("coalesce(CAST({column} AS text), '-')")).collect();
            let mut rows =
                installation.database().texts(&format!("SELECT {} AS value FROM {table}", columns.join(" || ")));
            rows.sort();
            rows
        })
    };
    let before = (everything(), installation.database().row_counts());
    let document: Value = server.client().get("/openapi.json").await.json();
    let mut crawled = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods.get("get").is_none() || path == "/logout" || path == "/api/v1/ws" {
            continue;
        }
        for id in [asked.conversation_id.to_string(), asked.turn_id.to_string(), user.clone()] {
            for method in [Method::GET, Method::HEAD] {
                let reply = sent(root.request(method.clone(), &path.replace("{id}", &id))).await;
                assert!(reply.status < 500, "{method} {path}: {reply:?}");
                crawled += 1;
            }
        }
    }
    assert!(crawled > 60, "{crawled}");
    assert_eq!((everything(), installation.database().row_counts()), before);
}
