//! S42: whatever is sent is data to the stores, and never SQL.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::client::{Caller, Client, sent};
use crate::support::database::{Backend, Database};
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;

on_both_stores!(s42_sql_in_any_field_has_no_effect, s42_sql_that_is_said_is_kept_word_for_word);

const INJECTIONS: [&str; 7] = [
    "'; DROP TABLE users; --",
    "' OR '1'='1",
    "x' UNION SELECT hashed_password FROM users --",
    "\"; DELETE FROM turns WHERE \"\"=\"",
    "1); UPDATE users SET role='admin'; --",
    "$1 ? :name %s \\'; SELECT 1; --",
    "ada'--",
];

/// A place for a text in a request.
#[derive(Clone, Debug)]
enum Place {
    Path,
    Query(String),
    Header(&'static str),
    /// In a JSON body, or a form.
    Field(String),
    Bearer,
}

/// Something that a client can ask for.
struct Operation {
    method: Method,
    path: String,
    is_form: bool,
    /// A body that would do.
    body: Map<String, Value>,
    places: Vec<Place>,
}

async fn s42_sql_in_any_field_has_no_effect(backend: Backend) {
    let installation = Installation::new(backend).set("metrics.token", "whoever-has-this-reads");
    let server = installation.start().await;
    let client = server.client();
    let (ada, eve) = (client.newcomer("ada").await, client.newcomer("eve").await);
    eve.ask("My name is Eve.").await;
    let database = installation.database();
    let hers = belongings(database);
    let document: Value = client.get("/openapi.json").await.json();
    let operations = operations(&document);
    assert!(operations.iter().map(|operation| operation.places.len()).sum::<usize>() > 60, "too few places were found");
    for operation in &operations {
        for place in &operation.places {
            let before = counts(database);
            let mut accepted = 0;
            for injection in INJECTIONS {
                let reply = sent(request(&client, &ada, operation, place, injection)).await;
                let what = format!("{} {} {place:?} {injection}: {reply:?}", operation.method, operation.path);
                assert!(reply.status < 500, "{what}");
                assert_says_nothing_of_sql(&reply, &what);
                if let Place::Bearer = place {
                    assert_eq!(reply.status, 401, "{what}");
                }
                accepted += i64::from(reply.status < 400);
            }
            for (table, rows) in counts(database) {
                let grown = rows - before[table];
                let what = format!("{table} has {grown} more after {accepted}: {} {place:?}", operation.path);
                assert!((0..=accepted).contains(&grown), "{what}");
            }
        }
    }
    assert_eq!(belongings(database), hers, "what is somebody else's stays as it was");
    assert_eq!(database.texts("SELECT username AS value FROM users WHERE role <> 'user'"), []);
    for injection in INJECTIONS {
        for (name, password) in [(injection, "x"), ("eve", injection), (injection, injection)] {
            assert_eq!(client.try_log_in(name, password).await.status, 400, "{name} {password}");
        }
    }
}

async fn s42_sql_that_is_said_is_kept_word_for_word(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let ada = server.client().newcomer("ada").await;
    for injection in INJECTIONS {
        let answer = ada.ask(injection).await;
        assert_eq!(ada.turn(answer.turn_id).await.request_question, injection);
        let made = ada.post("/api/v1/conversations", &json!({"title": injection, "system": injection})).await;
        let made: Value = made.body(201);
        let path = format!("/api/v1/conversations/{}", made["id"].as_str().unwrap());
        let found = ada.get(&path).await.json();
        assert_eq!((found["title"].as_str(), found["system"].as_str()), (Some(injection), Some(injection)));
    }
}

fn request(client: &Client, ada: &Caller, operation: &Operation, place: &Place, text: &str) -> RequestBuilder {
    let encoded = text.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    });
    let id = if matches!(place, Place::Path) { encoded.clone() } else { Uuid::now_v7().to_string() };
    let mut path = operation.path.replace("{id}", &id);
    if let Place::Query(name) = place {
        path = format!("{path}?{name}={encoded}");
    }
    let mut body = operation.body.clone();
    if let Place::Field(name) = place {
        body.insert(name.clone(), if name == "metadata" { json!({text: text}) } else { json!(text) });
    }
    let mut request = client.request(operation.method.clone(), &path);
    request = match place {
        Place::Bearer => request.header("authorization", format!("Bearer {text}")),
        Place::Header(name) => request.header("authorization", ada.authorization()).header(*name, text),
        _ => request.header("authorization", ada.authorization()),
    };
    if operation.is_form {
        let pairs = body.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let form = reqwest::Url::parse_with_params("form:", pairs).unwrap();
        let media_type = "application/x-www-form-urlencoded";
        request.header("content-type", media_type).body(form.query().unwrap_or_default().to_owned())
    } else if operation.method == Method::GET {
        request
    } else {
        request.json(&body)
    }
}

/// Every operation of the document but the one that would end the session, with every place for a text in it.
fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // What ends the one who asks would end the test.
            if path == "/logout" || path == "/api/v1/ws" || (method == "delete" && path == "/api/v1/me") {
                continue;
            }
            let mut places = vec![Place::Header("user-agent"), Place::Header("x-request-id")];
            if operation["security"].as_array().is_some_and(|security| !security.is_empty()) {
                places.push(Place::Bearer);
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            places.extend(parameters.filter_map(|parameter| match parameter["in"].as_str()? {
                "path" => Some(Place::Path),
                "query" => Some(Place::Query(parameter["name"].as_str()?.to_owned())),
                _ => None,
            }));
            places.extend([Place::Header("idempotency-key"), Place::Header("last-event-id")]);
            let content = operation["requestBody"]["content"].as_object().cloned().unwrap_or_default();
            let is_form = content.contains_key("application/x-www-form-urlencoded");
            let schema = content.values().next().map(|media| resolved(document, &media["schema"]));
            let fields = schema.map(|schema| schema["properties"].as_object().cloned().unwrap_or_default());
            let names: Vec<String> = fields.unwrap_or_default().keys().cloned().collect();
            let body = names.iter().filter_map(|name| Some((name.clone(), valid(name)?))).collect();
            places.extend(names.into_iter().map(Place::Field));
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            all.push(Operation { method, path: path.clone(), is_form, body, places });
        }
    }
    all
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

/// What a field needs to hold for the others to be read at all.
fn valid(field: &str) -> Option<Value> {
    match field {
        "question" | "input" => Some(json!("Why?")),
        "username" => Some(json!("mallory")),
        "email" => Some(json!("mallory@example.org")),
        "password" => Some(json!("correct horse battery staple")),
        _ => None,
    }
}

/// What is Eve's, as it is stored.
fn belongings(database: &Database) -> Vec<Option<String>> {
    let owner = "(SELECT id FROM users WHERE username = 'eve')";
    [
        "SELECT hashed_password || email || role AS value FROM users WHERE username = 'eve'".to_owned(),
        format!("SELECT CAST(id AS text) || COALESCE(title, '') AS value FROM conversations WHERE user_id = {owner}"),
        format!("SELECT request_question || response || status AS value FROM turns WHERE user_id = {owner}"),
    ]
    .iter()
    .flat_map(|query| database.texts(query))
    .collect()
}

fn counts(database: &Database) -> BTreeMap<&'static str, i64> {
    database.row_counts().into_iter().map(|(table, count)| (table, count.parse().unwrap())).collect()
}

#[track_caller]
fn assert_says_nothing_of_sql(reply: &Reply, what: &str) {
    let text = reply.text.to_lowercase();
    for leak in ["syntax error", "sqlite", "postgres", "diesel", "relation \"", "no such table", "/src/"] {
        let is_ours = reply.header("content-type").is_some_and(|value| value.starts_with("application/json"));
        assert!(is_ours && reply.status == 200 || !text.contains(leak), "{what}");
    }
}
