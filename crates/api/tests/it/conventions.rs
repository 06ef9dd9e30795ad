//! What holds for every request, whatever it is for.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use domain::Unexpected;
use domain::session::{Session, SessionState, TokenError};
use domain::user::MockUserRepository;

use crate::harness::{MAX_BODY_BYTES, Ports, TOKEN, get, post, post_json, session};

#[actix_web::test]
async fn nothing_private_is_kept_and_every_response_has_its_id() {
    let server = Ports::untouched().server();
    for path in ["/healthz", "/nowhere", "/api/v1/me"] {
        let reply = server.send(TestRequest::get().uri(path)).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert!(reply.header("x-request-id").is_some(), "{path}");
    }
}

#[actix_web::test]
async fn a_well_formed_request_id_is_kept() {
    let server = Ports::untouched().server();
    let longest = "x".repeat(128);
    for id in ["42", "4bf92f35-77b3.4da6:a3ce_929d/0e0e+4736=@", &longest] {
        let reply = server.send(TestRequest::get().uri("/healthz").insert_header(("X-Request-Id", id))).await;
        assert_eq!(reply.header("x-request-id"), Some(id));
    }
}

#[actix_web::test]
async fn any_other_request_id_is_replaced() {
    let server = Ports::untouched().server();
    let too_long = "x".repeat(129);
    for id in ["", "two words", "<script>", "a\"b", "é", &too_long] {
        let reply = server.send(TestRequest::get().uri("/healthz").insert_header(("X-Request-Id", id))).await;
        let made: uuid::Uuid = reply.header("x-request-id").unwrap().parse().unwrap();
        assert!(made.as_u128() >= 1_000, "{id:?} must be replaced by one of the id generator's");
    }
}

#[actix_web::test]
async fn an_unknown_path_is_a_problem() {
    let reply = Ports::untouched().server().send(get("/api/v1/nothing?x=1")).await;
    assert_eq!(reply.problem(404, "not_found")["instance"], "/api/v1/nothing");
}

#[actix_web::test]
async fn another_method_is_refused_with_the_methods_there_are() {
    let server = Ports::untouched().server();
    for (method, path, allow) in [
        (Method::GET, "/chat", "POST"),
        (Method::DELETE, "/api/v1/conversations", "GET, HEAD, POST"),
        (Method::POST, "/healthz", "GET, HEAD"),
        (Method::PUT, "/token", "POST"),
        (Method::OPTIONS, "/api/v1/turns/1", "GET, HEAD"),
    ] {
        let reply = server.send(TestRequest::default().method(method).uri(path)).await;
        reply.problem(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow), "{path}");
    }
}

#[actix_web::test]
async fn head_is_there_where_get_is() {
    let server = Ports::untouched().server();
    for path in ["/healthz", "/version", "/openapi.json", "/docs/"] {
        let reply = server.send(TestRequest::default().method(Method::HEAD).uri(path)).await;
        assert_eq!(reply.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn without_a_token_there_is_a_bare_challenge() {
    let server = Ports::untouched().server();
    for authorization in [None, Some("Basic YTpi"), Some("Bearer"), Some("Bearer "), Some(TOKEN)] {
        let mut request = TestRequest::get().uri("/api/v1/me");
        if let Some(value) = authorization {
            request = request.insert_header(("Authorization", value));
        }
        let reply = server.send(request).await;
        reply.problem(401, "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{authorization:?}");
    }
}

#[actix_web::test]
async fn a_token_that_is_not_accepted_is_called_invalid() {
    for error in [TokenError::Expired, TokenError::Invalid("the signature is wrong".to_owned())] {
        let mut ports = Ports::untouched();
        ports.tokens.expect_verify().return_once(|_| Err(error));
        let reply = ports.server().send(get("/api/v1/me")).await;
        reply.problem(401, "invalid_token");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        assert!(!String::from_utf8_lossy(&reply.body).contains("signature"));
    }
}

#[actix_web::test]
async fn a_session_that_is_over_is_an_invalid_token() {
    let sessions: [Option<Session>; 4] = [
        None,
        Some(Session { state: SessionState::Ended, ..session() }),
        Some(Session { state: SessionState::Expired, ..session() }),
        Some(Session { user_is_active: false, ..session() }),
    ];
    for session in sessions {
        let mut ports = Ports::with_caller();
        ports.sessions.checkpoint();
        ports.sessions.expect_find().return_once(|_| Ok(session));
        ports.server().send(get("/api/v1/me")).await.problem(401, "invalid_token");
    }
}

#[actix_web::test]
async fn the_scheme_is_read_without_regard_to_case() {
    let mut ports = Ports::with_caller();
    ports.users.expect_find().return_once(|_| Ok(Some(crate::harness::user())));
    let request = TestRequest::get().uri("/api/v1/me").insert_header(("Authorization", format!("bEARER {TOKEN}")));
    assert_eq!(ports.server().send(request).await.status, 200);
}

#[actix_web::test]
async fn tokens_in_the_url_are_never_read() {
    for path in [format!("/api/v1/me?token={TOKEN}"), format!("/api/v1/me?access_token={TOKEN}")] {
        let reply = Ports::untouched().server().send(TestRequest::get().uri(&path)).await;
        assert_eq!(reply.problem(401, "unauthenticated")["instance"], "/api/v1/me");
    }
}

#[actix_web::test]
async fn a_store_that_is_away_is_503_and_a_failure_is_500_and_neither_says_why() {
    let failures: [(Unexpected, u16, &str, Option<&str>); 2] = [
        (Unexpected::unavailable("10.0.0.5 refused the connection"), 503, "store_unavailable", Some("1")),
        (Unexpected::new("relation secret_table is missing"), 500, "internal", None),
    ];
    for (failure, status, code, retry_after) in failures {
        let mut ports = Ports::with_caller();
        ports.users.expect_find().return_once(|_| Err(failure));
        let reply = ports.server().send(get("/api/v1/me")).await;
        reply.problem(status, code);
        assert_eq!(reply.header("retry-after"), retry_after);
        let body = String::from_utf8_lossy(&reply.body);
        assert!(!body.contains("10.0.0.5") && !body.contains("secret_table"), "{body}");
    }
}

#[actix_web::test]
async fn a_panic_costs_one_request() {
    let mut ports = Ports::with_caller();
    ports.users = MockUserRepository::new();
    ports.users.expect_find().times(1).return_once(|_| panic!("on purpose"));
    ports.users.expect_find().times(1).return_once(|_| Ok(Some(crate::harness::user())));
    let server = ports.server();
    server.send(get("/api/v1/me")).await.problem(500, "internal");
    assert_eq!(server.send(get("/api/v1/me")).await.status, 200);
}

#[actix_web::test]
async fn what_is_not_json_is_400() {
    let server = Ports::with_caller().server();
    let unending = "[".repeat(300);
    for body in [
        "",
        " ",
        "{",
        "{\"question\":}",
        "nonsense",
        "{\"question\":\"a\"} trailing",
        "{\"role\": 1, \"question\"",
        "{\"question\":\"\\ud800\"}",
        "[1,",
        &unending,
    ] {
        server.send(post_json("/chat", body)).await.problem(400, "malformed_json");
    }
    let latin1 = b"{\"question\":\"\xe9\"}";
    let request = post("/chat").insert_header(("Content-Type", "application/json")).set_payload(&latin1[..]);
    server.send(request).await.problem(400, "malformed_json");
}

#[actix_web::test]
async fn json_of_another_shape_is_422_and_says_where() {
    let server = Ports::with_caller().server();
    for (body, pointer) in [
        ("[\"a question\"]", ""),
        ("\"a question\"", ""),
        ("{}", "/question"),
        ("{\"question\": null}", "/question"),
        ("{\"question\": 5}", "/question"),
        ("{\"question\": \"a\", \"role\": \"admin\"}", "/role"),
        ("{\"question\": \"a\", \"a/b~c\": 1}", "/a~1b~0c"),
        ("{\"question\": \"a\", \"question\": \"b\"}", "/question"),
        ("{\"question\": \"a\", \"stream\": \"yes\"}", "/stream"),
    ] {
        assert_eq!(server.send(post_json("/chat", body)).await.pointers(), [pointer], "{body}");
    }
    let deep = format!("{{\"question\": {}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(server.send(post_json("/chat", &deep)).await.pointers(), ["/question"]);
    let twice = "{\"metadata\": {\"a\": \"1\", \"a\": \"2\"}}";
    assert_eq!(server.send(post_json("/api/v1/conversations", twice)).await.pointers(), ["/metadata/a"]);
    let nested = "{\"metadata\": {\"a\": 1}}";
    assert_eq!(server.send(post_json("/api/v1/conversations", nested)).await.pointers(), ["/metadata/a"]);
}

#[actix_web::test]
async fn a_value_of_the_wrong_type_is_not_repeated() {
    let reply = Ports::untouched().server().send(post_json("/api/v1/users", "{\"password\": 12345678}")).await;
    assert_eq!(reply.pointers(), ["/password"]);
    assert!(!String::from_utf8_lossy(&reply.body).contains("12345678"));
    assert_eq!(reply.json()["errors"][0]["message"], "must be a string");
}

#[actix_web::test]
async fn a_body_over_the_limit_is_413() {
    let server = Ports::with_caller().server();
    let fits = format!("{{\"question\":\"{}\"}}", " ".repeat(MAX_BODY_BYTES - 15));
    assert_eq!(fits.len(), MAX_BODY_BYTES);
    assert_eq!(server.send(post_json("/chat", &fits)).await.status, 422);
    let undeclared = post_json("/chat", &(fits + " ")).insert_header(("Content-Length", "2"));
    server.send(undeclared).await.problem(413, "payload_too_large");
    let declared = post_json("/chat", "{}").insert_header(("Content-Length", "100001"));
    server.send(declared).await.problem(413, "payload_too_large");
}

#[actix_web::test]
async fn only_plain_json_in_utf8_is_read() {
    let server = Ports::with_caller().server();
    let empty_object = |content_type: Option<&str>| {
        let request = post("/chat").set_payload("{}");
        match content_type {
            Some(value) => request.insert_header(("Content-Type", value)),
            None => request,
        }
    };
    for refused in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/json; charset=latin1")]
    {
        server.send(empty_object(refused)).await.problem(415, "unsupported_media_type");
    }
    for read in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert_eq!(server.send(empty_object(Some(read))).await.status, 422, "{read}");
    }
    let compressed = empty_object(Some("application/json")).insert_header(("Content-Encoding", "gzip"));
    server.send(compressed).await.problem(415, "unsupported_media_type");
}

#[actix_web::test]
async fn nobody_is_told_about_a_body_before_they_are_known() {
    let request = TestRequest::post().uri("/chat").insert_header(("Content-Type", "text/plain")).set_payload("{");
    Ports::untouched().server().send(request).await.problem(401, "unauthenticated");
    let request = TestRequest::get().uri("/api/v1/turns/no-uuid");
    Ports::untouched().server().send(request).await.problem(401, "unauthenticated");
}
