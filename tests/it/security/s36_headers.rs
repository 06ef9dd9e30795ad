//! S36: what a browser must be told, on whatever is answered.

use std::collections::BTreeSet;
use std::net::TcpListener;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::ClientRequestBuilder;
use uuid::Uuid;

use crate::support::client::{Caller, Client};
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};

const ORIGIN: &str = "https://app.example.org";
const METRICS_TOKEN: &str = "whoever-has-this-reads";

/// One who goes from response to response, and looks at the headers of each.
struct Inspector {
    http: reqwest::Client,
    address: String,
    over_tls: bool,
    seen: BTreeSet<u16>,
}

impl Inspector {
    fn new(server: &Server, over_tls: bool) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, address: server.address().to_owned(), over_tls, seen: BTreeSet::new() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address))
    }

    async fn inspect(&mut self, request: RequestBuilder) -> HeaderMap {
        let response = request.send().await.unwrap();
        let what = format!("{} {}", response.status(), response.url());
        self.seen.insert(response.status().as_u16());
        self.assert_hardened(response.headers(), &what);
        response.headers().clone()
    }

    #[track_caller]
    fn assert_hardened(&self, headers: &HeaderMap, what: &str) {
        let header = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().unwrap_or_else(|| panic!("{name} is missing: {what}")).to_str().unwrap();
            assert!(values.next().is_none(), "{name} is there twice: {what}");
            value
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{what}");
        assert!(header("permissions-policy").contains("camera=()"), "{what}");
        let policy = header("content-security-policy");
        let directives: Vec<&str> = policy.split("; ").collect();
        for needed in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(directives.contains(&needed), "{policy}: {what}");
        }
        for loose in ["unsafe", "*", "http:", "https:", "strict-dynamic"] {
            assert!(!policy.contains(loose), "{policy}: {what}");
        }
        if self.over_tls {
            let age = header("strict-transport-security").strip_prefix("max-age=").unwrap();
            assert!(age.parse::<u64>().unwrap() >= 31_536_000, "{what}");
        } else {
            assert!(!headers.contains_key("strict-transport-security"), "{what}");
        }
    }
}

#[tokio::test]
async fn s36_every_response_has_the_security_headers() {
    let server = installation().start().await;
    let ada = server.client().newcomer("ada").await;
    let mut inspector = Inspector::new(&server, false);
    walk_every_operation(&mut inspector, &ada).await;
    walk_what_is_refused(&mut inspector, &ada).await;
    walk_the_documentation(&mut inspector).await;
    for status in [200, 201, 202, 204, 302, 400, 401, 404, 405, 413, 415, 422] {
        assert!(inspector.seen.contains(&status), "{status} was never seen: {:?}", inspector.seen);
    }
    let headers = switched_protocols(&server, &ada).await;
    inspector.assert_hardened(&headers, "101");
}

#[tokio::test]
async fn s36_browsers_stay_with_https_where_the_server_is_reached_by_it() {
    let server = installation().set("server.public_url", "https://chat.example.org").start().await;
    let ada = server.client().newcomer("ada").await;
    let mut inspector = Inspector::new(&server, true);
    walk_every_operation(&mut inspector, &ada).await;
    walk_what_is_refused(&mut inspector, &ada).await;
    walk_the_documentation(&mut inspector).await;
    inspector.assert_hardened(&switched_protocols(&server, &ada).await, "101");
}

#[tokio::test]
async fn s36_measurements_on_a_port_of_their_own_have_the_headers_too() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = installation().set("metrics.port", port).start().await;
    let mut inspector = Inspector::new(&server, false);
    inspector.address = format!("http://127.0.0.1:{port}");
    for path in ["/metrics", "/nowhere"] {
        inspector.inspect(inspector.request(Method::GET, path)).await;
    }
    assert_eq!(inspector.seen, BTreeSet::from([200, 404]));
}

fn installation() -> Installation {
    Installation::new(Backend::Sqlite).set("metrics.token", METRICS_TOKEN).set("server.cors_origins", ORIGIN)
}

/// Everything that is documented, with a token and without one.
async fn walk_every_operation(inspector: &mut Inspector, ada: &Caller) {
    let document: Value = ada.get("/openapi.json").await.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", &Uuid::now_v7().to_string());
        for method in operations.as_object().unwrap().keys() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            inspector.inspect(inspector.request(method.clone(), &path)).await;
            let ends_her = path == "/logout" || (method == Method::DELETE && path == "/api/v1/me");
            if !ends_her {
                let request = inspector.request(method, &path).header("authorization", ada.authorization());
                inspector.inspect(request.json(&json!({}))).await;
            }
        }
        inspector.inspect(inspector.request(Method::TRACE, &path)).await;
        inspector.inspect(inspector.request(Method::HEAD, &path)).await;
    }
    let metrics = inspector.request(Method::GET, "/metrics").bearer_auth(METRICS_TOKEN);
    inspector.inspect(metrics).await;
}

/// Refusals of every kind, streams, preflights.
async fn walk_what_is_refused(inspector: &mut Inspector, ada: &Caller) {
    let post = |inspector: &Inspector, path: &str| {
        inspector.request(Method::POST, path).header("authorization", ada.authorization())
    };
    let json = |request: RequestBuilder, body: String| request.header("content-type", "application/json").body(body);
    inspector.inspect(inspector.request(Method::GET, "/nowhere")).await;
    inspector.inspect(inspector.request(Method::GET, "/%00/..%2f")).await;
    inspector.inspect(inspector.request(Method::OPTIONS, "/chat")).await;
    let preflight = inspector.request(Method::OPTIONS, "/chat").header("origin", ORIGIN);
    inspector.inspect(preflight.header("access-control-request-method", "POST")).await;
    inspector.inspect(json(post(inspector, "/chat"), "{".to_owned())).await;
    inspector.inspect(json(post(inspector, "/chat"), "x".repeat(300_000))).await;
    inspector.inspect(post(inspector, "/chat").body("question")).await;
    inspector.inspect(inspector.request(Method::POST, "/token").body("username=ada")).await;
    let streamed = inspector.inspect(json(post(inspector, "/chat"), streaming_question())).await;
    assert!(streamed["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let other = Client::new(&inspector.address).log_in("ada").await;
    let logout = inspector.request(Method::POST, "/logout").header("authorization", other.authorization());
    inspector.inspect(logout).await;
    let turn = ada.ask("And why?").await.turn_id;
    inspector.inspect(post(inspector, &format!("/api/v1/turns/{turn}/cancel"))).await;
}

fn streaming_question() -> String {
    json!({"question": "Why?", "stream": true}).to_string()
}

/// The page and whatever it loads. Nothing in it is inline, so that its policy needs no exception.
async fn walk_the_documentation(inspector: &mut Inspector) {
    inspector.inspect(inspector.request(Method::GET, "/docs")).await;
    let page = inspector.request(Method::GET, "/docs/").send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("javascript:"), "{page}");
    for script in page.split("<script").skip(1) {
        let (attributes, rest) = script.split_once('>').unwrap();
        assert!(attributes.contains("src=\"./") && rest.trim_start().starts_with("</script>"), "{script}");
    }
    let links = page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1));
    let links = links.filter_map(|rest| rest.split('"').next());
    for file in ["", "nothing.js"].into_iter().chain(links) {
        let path = format!("/docs/{}", file.trim_start_matches("./"));
        inspector.inspect(inspector.request(Method::GET, &path)).await;
    }
}

async fn switched_protocols(server: &Server, ada: &Caller) -> HeaderMap {
    let uri = format!("{}/api/v1/ws", server.address().replacen("http", "ws", 1)).parse().unwrap();
    let request = ClientRequestBuilder::new(uri).with_header("Authorization", ada.authorization());
    let (_socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(response.status(), 101);
    response.headers().clone()
}
