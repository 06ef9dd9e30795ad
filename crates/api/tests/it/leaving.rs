//! Deleting one's account, and taking everything along.

use actix_web::test::TestRequest;
use domain::erasure::{Begun, Erased, Stage, Step};
use domain::export::{Export, ExportBegun, ExportState, Progress};
use domain::id::ExportId;
use domain::page::Page;
use domain::session::Session;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Ports, TOKEN, get, now, post, session, user_id};

const PATH: &str = "/api/v1/me/exports/00000000-0000-0000-0000-000000000001";

fn delete_me() -> TestRequest {
    TestRequest::delete().uri("/api/v1/me").insert_header(("Authorization", format!("Bearer {TOKEN}")))
}

fn export(state: ExportState) -> Export {
    let id = ExportId::from_uuid(Uuid::from_u128(1));
    Export { id, state, progress: Progress { done: 1, total: 2 }, created_at: now(), expires_at: now() }
}

#[actix_web::test]
async fn an_account_goes_and_what_went_is_counted() {
    let mut ports = Ports::with_caller();
    ports.erasures.expect_begin().times(1).returning(|user, event| {
        assert_eq!((user, event.subject), (user_id(), Some(user_id())));
        assert_eq!(event.origin.client.ip.map(|ip| ip.to_string()).as_deref(), Some("203.0.113.7"));
        Ok(Begun::Begun(Vec::new()))
    });
    let erased = Erased { conversations: 1, turns: 2, sessions: 3, api_keys: 4, exports: 5 };
    ports.erasures.expect_step().times(1).returning(move |_, _| Ok(Some(Step { erased, stage: Stage::Finished })));
    let reply = ports.server().send(delete_me()).await;
    assert_eq!(reply.status, 200);
    let deleted = json!({"conversations": 1, "turns": 2, "sessions": 3, "api_keys": 4, "exports": 5});
    assert_eq!(reply.json(), json!({"deleted": deleted, "complete": true}));
}

#[actix_web::test]
async fn who_may_not_go_is_told_why() {
    let mut ports = Ports::untouched();
    ports.tokens.expect_verify().returning(|_| Ok(crate::harness::verified()));
    ports.sessions.expect_find().returning(|_| Ok(Some(Session { is_fresh: false, ..session() })));
    ports.server().send(delete_me()).await.problem(403, "reauth_required");

    for (begun, status, code) in [(Begun::LastAdmin, 409, "last_admin"), (Begun::NotFound, 401, "invalid_token")] {
        let mut ports = Ports::with_caller();
        ports.erasures.expect_begin().times(1).return_once(|_, _| Ok(begun));
        ports.server().send(delete_me()).await.problem(status, code);
    }
}

#[actix_web::test]
async fn an_export_is_begun_and_found_again() {
    let mut ports = Ports::with_caller();
    ports.records.expect_count_turns().returning(|_| Ok(2));
    ports.exports.expect_begin().times(1).returning(|_, _| Ok(ExportBegun::Begun(export(ExportState::Running))));
    ports.background.expect_start().times(1).returning(|_, _| ());
    ports.exports.expect_find().times(1).returning(|owner, id| {
        assert_eq!((owner, id), (user_id(), export(ExportState::Running).id));
        Ok(Some(export(ExportState::Completed { size_bytes: 9 })))
    });
    ports
        .exports
        .expect_list()
        .times(1)
        .returning(|_, _| Ok(Page { items: vec![export(ExportState::Failed)], has_more: false }));
    let server = ports.server();
    let begun = server.send(post("/api/v1/me/export")).await;
    assert_eq!((begun.status.as_u16(), begun.header("location")), (202, Some(PATH)));
    let begun = begun.json();
    assert_eq!((&begun["status"], &begun["size_bytes"]), (&json!("running"), &json!(null)));
    assert_eq!(begun["progress"], json!({"done": 1, "total": 2}));
    let found = server.send(get(PATH)).await.json();
    assert_eq!((&found["status"], &found["size_bytes"]), (&json!("completed"), &json!(9)));
    assert_eq!(server.send(get("/api/v1/me/exports")).await.json()["data"][0]["status"], "failed");
}

#[actix_web::test]
async fn nothing_new_is_begun_while_the_server_stops() {
    let server = Ports::with_caller().server();
    server.drain();
    server.send(post("/api/v1/me/export")).await.problem(503, "draining");
}

#[actix_web::test]
async fn a_download_is_an_attachment_of_the_promised_length() {
    let mut ports = Ports::with_caller();
    ports.exports.expect_find().returning(|_, _| Ok(Some(export(ExportState::Completed { size_bytes: 9 }))));
    ports
        .exports
        .expect_chunk()
        .times(2)
        .returning(|_, _, number| Ok(Some(if number == 0 { b"{\"a\":".to_vec() } else { b"123}".to_vec() })));
    let reply = ports.server().send(get(&format!("{PATH}/download"))).await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, b"{\"a\":123}".as_slice()));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"colloquy-export-2026-01-02.json\""));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

#[actix_web::test]
async fn what_is_not_there_is_not_downloaded() {
    for (state, status, code) in [
        (None, 404, "not_found"),
        (Some(ExportState::Running), 409, "export_not_ready"),
        (Some(ExportState::Failed), 409, "export_not_ready"),
    ] {
        let mut ports = Ports::with_caller();
        ports.exports.expect_find().return_once(move |_, _| Ok(state.map(export)));
        ports.server().send(get(&format!("{PATH}/download"))).await.problem(status, code);
    }
    let server = Ports::with_caller().server();
    server.send(get("/api/v1/me/exports/nothing")).await.problem(404, "not_found");
}
