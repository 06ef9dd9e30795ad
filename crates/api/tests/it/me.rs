use crate::harness::{Ports, get, user, user_id};

#[actix_web::test]
async fn the_caller_sees_their_account() {
    let mut ports = Ports::with_caller();
    ports.users.expect_find().return_once(|id| {
        assert_eq!(id, user_id());
        Ok(Some(user()))
    });
    let reply = ports.server().send(get("/api/v1/me")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let expected = serde_json::json!({
        "id": user_id().to_string(), "username": "ada", "email": "ada@example.org", "role": "user", "is_active": true,
        "account_created": "2026-01-02T03:04:05.120000Z", "last_login": null,
    });
    assert_eq!(reply.json(), expected);
}

#[actix_web::test]
async fn an_account_that_has_just_been_deleted_has_no_session() {
    let mut ports = Ports::with_caller();
    ports.users.expect_find().return_once(|_| Ok(None));
    ports.server().send(get("/api/v1/me")).await.problem(401, "invalid_token");
}
