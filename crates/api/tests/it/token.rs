use std::time::Duration;

use actix_web::test::TestRequest;
use domain::Unexpected;
use domain::audit::AuditKind;
use domain::session::{AccessToken, Rotation};
use domain::user::{HashError, HashedPassword, User, Verification};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::harness::{MAX_BODY_BYTES, Ports, Reply, hash_of, session, user, user_id};

fn form(body: &str) -> TestRequest {
    TestRequest::post()
        .uri("/token")
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(body.to_owned())
}

/// An error of RFC 6749 §5.2 that is a problem document as well.
#[track_caller]
fn oauth_error(reply: &Reply, status: u16, error: &str, code: &str) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("www-authenticate"), None);
    let body = reply.json();
    assert_eq!(body["error"], error);
    assert_eq!(body["code"], code);
    assert_eq!(body["status"], status);
    assert_eq!(body["detail"], body["error_description"]);
    assert_eq!(body["instance"], "/token");
    assert!(body["request_id"].is_string() && body["title"].is_string() && body["type"].is_string());
    body
}

fn with_account(user: User, verification: Verification) -> Ports {
    let mut ports = Ports::untouched();
    let found = (user, HashedPassword::new("$argon2id$…"));
    ports.users.expect_find_for_login().returning(move |_| Ok(Some(found.clone())));
    ports.hasher.expect_verify().returning(move |_, _| Ok(verification));
    ports
}

#[actix_web::test]
async fn the_right_password_opens_a_session() {
    let mut ports = Ports::untouched();
    ports.users.expect_find_for_login().return_once(|name| {
        assert_eq!(name.as_str(), "ada");
        Ok(Some((user(), HashedPassword::new("$argon2id$…"))))
    });
    ports.hasher.expect_verify().return_once(|attempt, _| {
        assert_eq!(attempt.expose_secret(), "p+w & ü");
        Ok(Verification::Match)
    });
    ports
        .tokens
        .expect_issue()
        .return_once(|_| Ok(AccessToken { token: "the.access.token".into(), expires_in: Duration::from_secs(900) }));
    ports.sessions.expect_open().return_once(|session, event| {
        assert_eq!((event.kind, event.subject), (AuditKind::LoginSucceeded, Some(user_id())));
        assert_eq!(session.refresh, Some(hash_of("generated")));
        assert_eq!(session.client.ip, Some("203.0.113.7".parse().unwrap()));
        assert_eq!(session.client.user_agent.as_deref(), Some("curl/8"));
        Ok(())
    });
    let body =
        "grant_type=password&username=ada&password=p%2Bw+%26+%C3%BC&scope=read&client_id=web&client_secret=s&x=y";
    let request = form(body).insert_header(("User-Agent", "curl/8"));
    let reply = ports.server().send(request).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("pragma"), Some("no-cache"));
    assert_eq!(reply.header("set-cookie"), None);
    let token = reply.json();
    let session_id = token["session_id"].as_str().unwrap().to_owned();
    let expected = serde_json::json!({
        "access_token": "the.access.token", "token_type": "bearer", "expires_in": 900, "scope": "",
        "refresh_token": "generated",
        "session_id": session_id, "username": "ada",
    });
    assert_eq!(token, expected);
}

#[actix_web::test]
async fn a_refresh_token_is_exchanged_for_the_next_one() {
    let mut ports = Ports::untouched();
    ports.tokens.expect_issue().return_once(|claims| {
        assert_eq!(claims.user_id, user_id());
        Ok(AccessToken { token: "the.next.token".into(), expires_in: Duration::from_secs(900) })
    });
    ports.sessions.expect_rotate().return_once(|exchange| {
        assert_eq!((exchange.presented, exchange.successor), (hash_of("r0"), hash_of("+r0")));
        Ok(Rotation::Rotated(session()))
    });
    let reply = ports.server().send(form("grant_type=refresh_token&refresh_token=r0")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let token = reply.json();
    assert_eq!((&token["access_token"], &token["refresh_token"]), (&"the.next.token".into(), &"+r0".into()));
    assert_eq!((&token["session_id"], &token["username"]), (&session().id.to_string().into(), &"ada".into()));

    for rotation in [Rotation::Refused, Rotation::Reused(session().id)] {
        let mut ports = Ports::untouched();
        ports.sessions.expect_rotate().return_once(|_| Ok(rotation));
        let reply = ports.server().send(form("grant_type=refresh_token&refresh_token=r0")).await;
        oauth_error(&reply, 400, "invalid_grant", "invalid_grant");
    }
    let reply = Ports::untouched().server().send(form("grant_type=refresh_token")).await;
    oauth_error(&reply, 400, "invalid_request", "invalid_request");
}

#[actix_web::test]
async fn unknown_wrong_and_disabled_cannot_be_told_apart() {
    let mut unknown = Ports::untouched();
    unknown.users.expect_find_for_login().return_once(|_| Ok(None));
    unknown.hasher.expect_verify().return_once(|_, hash| {
        assert!(hash.is_none());
        Ok(Verification::Mismatch)
    });
    let wrong = with_account(user(), Verification::Mismatch);
    let disabled = with_account(User { is_active: false, ..user() }, Verification::Match);
    let mut bodies = Vec::new();
    for mut ports in [unknown, wrong, disabled] {
        ports.audit.expect_record().times(1).withf(|event| event.kind == AuditKind::LoginFailed).returning(|_| Ok(()));
        let request = form("username=ada&password=secret").insert_header(("X-Request-Id", "same"));
        let reply = ports.server().send(request).await;
        oauth_error(&reply, 400, "invalid_grant", "invalid_grant");
        bodies.push(reply.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[actix_web::test]
async fn a_form_that_is_not_whole_reaches_no_port() {
    let server = Ports::untouched().server();
    for body in [
        "",
        "username=ada",
        "password=secret",
        "username=&password=secret",
        "username=ada&password=",
        "username=ada&username=eve&password=secret",
        "username=ada&password=one&password=two",
        "grant_type=password&grant_type=password&username=ada&password=secret",
    ] {
        let reply = server.send(form(body)).await;
        oauth_error(&reply, 400, "invalid_request", "invalid_request");
    }
}

#[actix_web::test]
async fn other_grants_are_not_supported() {
    let server = Ports::untouched().server();
    for grant in ["authorization_code", "client_credentials", "PASSWORD"] {
        let reply = server.send(form(&format!("grant_type={grant}&username=ada&password=secret"))).await;
        oauth_error(&reply, 400, "unsupported_grant_type", "unsupported_grant_type");
    }
}

#[actix_web::test]
async fn an_empty_grant_type_counts_as_absent() {
    let mut ports = with_account(user(), Verification::Mismatch);
    ports.audit.expect_record().returning(|_| Ok(()));
    let reply = ports.server().send(form("grant_type=&username=ada&password=secret")).await;
    oauth_error(&reply, 400, "invalid_grant", "invalid_grant");
}

#[actix_web::test]
async fn anything_but_a_form_is_an_invalid_request() {
    let server = Ports::untouched().server();
    let json = TestRequest::post()
        .uri("/token")
        .insert_header(("Content-Type", "application/json"))
        .set_payload("{\"username\":\"ada\",\"password\":\"secret\"}");
    oauth_error(&server.send(json).await, 415, "invalid_request", "unsupported_media_type");
    let long = form(&format!("username=ada&password={}", "x".repeat(MAX_BODY_BYTES)));
    oauth_error(&server.send(long).await, 413, "invalid_request", "payload_too_large");
}

#[actix_web::test]
async fn the_servers_own_failures_are_not_the_clients() {
    let mut overloaded = Ports::untouched();
    overloaded.users.expect_find_for_login().return_once(|_| Ok(None));
    overloaded.hasher.expect_verify().return_once(|_, _| Err(HashError::Overloaded));
    let reply = overloaded.server().send(form("username=ada&password=secret")).await;
    let body = oauth_error(&reply, 503, "temporarily_unavailable", "overloaded");
    assert_eq!(body["retry_after"], 1);
    assert_eq!(reply.header("retry-after"), Some("1"));

    let mut away = Ports::untouched();
    away.users.expect_find_for_login().return_once(|_| Err(Unexpected::unavailable("gone")));
    let reply = away.server().send(form("username=ada&password=secret")).await;
    oauth_error(&reply, 503, "temporarily_unavailable", "store_unavailable");

    let mut broken = Ports::untouched();
    broken.users.expect_find_for_login().return_once(|_| Err(Unexpected::new("broken")));
    let reply = broken.server().send(form("username=ada&password=secret")).await;
    oauth_error(&reply, 500, "server_error", "internal");
}
