//! Deny by default: every operation, for every kind of caller, does what the checked-in matrix says.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::{Caller, Client, PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::reply::Reply;

/// A line for each operation, a column for each kind of caller: `401`, `403`, or `pass` for whoever gets as far as being
/// told what is wrong with the request itself.
const MATRIX: &str = include_str!("matrix.csv");

const EVERY_SCOPE: [&str; 8] = [
    "conversations:read",
    "conversations:write",
    "profile:read",
    "usage:read",
    "introspect",
    "users:read",
    "users:write",
    "audit:read",
];

#[tokio::test]
async fn every_operation_is_for_whom_the_matrix_says() {
    let installation = Installation::new(Backend::Sqlite).set("metrics.token", "sixteen-bytes-at-least");
    installation.make_admin("root").await;
    let server = installation.start().await;
    let cast = Cast::of(&server).await;
    let (header, lines) = MATRIX.split_once('\n').unwrap();
    let kinds: Vec<&str> = header.split(',').skip(1).collect();
    assert_eq!(kinds, ["anonymous", "user", "admin", "user_key", "admin_key", "usage_key"]);
    let matrix: BTreeMap<&str, Vec<&str>> = lines
        .lines()
        .map(|line| line.split_once(',').unwrap())
        .map(|(op, rest)| (op, rest.split(',').collect()))
        .collect();

    let operations = operations(&server.client()).await;
    let listed: BTreeSet<&str> = matrix.keys().copied().collect();
    let existing: BTreeSet<&str> = operations.iter().map(String::as_str).collect();
    assert_eq!(listed, existing, "the matrix has every operation, and no other");

    let mut wrong = Vec::new();
    for operation in &operations {
        for (kind, expected) in kinds.iter().zip(&matrix[operation.as_str()]) {
            let told = verdict(&cast.send(kind, operation).await);
            if told != *expected {
                wrong.push(format!("{operation} as {kind}: {told}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `METHOD path` of every operation.
async fn operations(client: &Client) -> Vec<String> {
    let document: Value = client.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

fn verdict(reply: &Reply) -> &'static str {
    let code = serde_json::from_str::<Value>(&reply.text).ok().map(|body| body["code"].clone()).unwrap_or_default();
    match (reply.status, code.as_str()) {
        (401, Some("unauthenticated" | "invalid_token")) => "401",
        (403, Some("forbidden")) => "403",
        (status, _) => {
            assert!(status < 500, "{reply:?}");
            "pass"
        }
    }
}

/// Everybody who calls.
struct Cast<'a> {
    server: &'a Server,
    root: Caller,
    user_key: Caller,
    admin_key: Caller,
    usage_key: Caller,
}

impl<'a> Cast<'a> {
    async fn of(server: &'a Server) -> Self {
        let owner = server.client().newcomer("key-owner").await;
        let root = server.client().log_in("root").await;
        let (_, user_key) = owner.new_key(&EVERY_SCOPE).await;
        let (_, admin_key) = root.new_key(&EVERY_SCOPE).await;
        let (_, usage_key) = owner.new_key(&["usage:read"]).await;
        Self { server, root, user_key, admin_key, usage_key }
    }

    /// An administrator who may be gone afterwards.
    async fn new_admin(&self) -> Caller {
        let name = format!("a-{}", Uuid::now_v7().simple());
        let account = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "role": "admin",
        });
        self.root.post("/api/v1/admin/users", &account).await.body::<Value>(201);
        self.server.client().log_in(&name).await
    }

    /// Sends a request that names nothing there is, as somebody whose session may end by it.
    async fn send(&self, kind: &str, operation: &str) -> Reply {
        let (method, path) = operation.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let path = path.replace("{id}", &Uuid::now_v7().to_string());
        let client = self.server.client();
        let request = match kind {
            "anonymous" => client.request(method.clone(), &path),
            "user" => client.newcomer(&format!("u-{}", Uuid::now_v7().simple())).await.request(method.clone(), &path),
            "admin" => self.new_admin().await.request(method.clone(), &path),
            "user_key" => self.user_key.request(method.clone(), &path),
            "admin_key" => self.admin_key.request(method.clone(), &path),
            "usage_key" => self.usage_key.request(method.clone(), &path),
            other => panic!("{other}"),
        };
        sent(if method == Method::GET { request } else { request.json(&json!({})) }).await
    }
}
