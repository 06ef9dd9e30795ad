use domain::Unexpected;
use domain::user::{CreateUserError, HashError, HashedPassword, Role};
use secrecy::ExposeSecret;

use crate::harness::{Ports, post_json};

const ADA: &str = r#"{"username": "ada", "email": "Ada@Example.org", "password": "correct horse battery"}"#;

fn hashing() -> Ports {
    let mut ports = Ports::untouched();
    ports.hasher.expect_hash().returning(|_| Ok(HashedPassword::new("$argon2id$…")));
    ports
}

#[actix_web::test]
async fn an_account_is_made_with_the_role_user() {
    let mut ports = Ports::untouched();
    ports.hasher.expect_hash().return_once(|password| {
        assert_eq!(password.secret().expose_secret(), "correct horse battery");
        Ok(HashedPassword::new("$argon2id$…"))
    });
    ports.users.expect_create().return_once(|user, _| {
        assert_eq!(user.role, Role::User);
        Ok(())
    });
    let reply = ports.server().send(post_json("/api/v1/users", ADA)).await;
    assert_eq!(reply.status, 201);
    let user = reply.json();
    let expected = serde_json::json!({
        "id": user["id"], "username": "ada", "email": "ada@example.org", "role": "user", "is_active": true,
        "account_created": "2026-01-02T03:04:05.120000Z", "last_login": null,
    });
    assert_eq!(user, expected);
}

#[actix_web::test]
async fn s12_nobody_chooses_their_role() {
    let server = Ports::untouched().server();
    for field in ["role", "is_active", "hashed_password", "id", "account_created"] {
        let body = ADA.replace('}', &format!(", \"{field}\": \"admin\"}}"));
        assert_eq!(server.send(post_json("/api/v1/users", &body)).await.pointers(), [format!("/{field}")]);
    }
}

#[actix_web::test]
async fn every_field_that_is_wrong_is_named() {
    let server = Ports::untouched().server();
    let body = r#"{"username": "a b", "email": "nowhere", "password": "short"}"#;
    let reply = server.send(post_json("/api/v1/users", body)).await;
    assert_eq!(reply.pointers(), ["/username", "/email", "/password"]);
    let body = ADA.replace("correct horse battery", "password");
    assert_eq!(server.send(post_json("/api/v1/users", &body)).await.pointers(), ["/password"]);
}

#[actix_web::test]
async fn a_name_or_address_that_is_taken_is_a_conflict() {
    for (error, code) in
        [(CreateUserError::UsernameTaken, "username_taken"), (CreateUserError::EmailTaken, "email_taken")]
    {
        let mut ports = hashing();
        ports.users.expect_create().return_once(|_, _| Err(error));
        ports.server().send(post_json("/api/v1/users", ADA)).await.problem(409, code);
    }
}

#[actix_web::test]
async fn registration_can_be_closed() {
    let mut ports = Ports::untouched();
    ports.registration_is_open = false;
    ports.server().send(post_json("/api/v1/users", ADA)).await.problem(403, "registration_closed");
}

#[actix_web::test]
async fn failures_are_told_apart() {
    let mut overloaded = Ports::untouched();
    overloaded.hasher.expect_hash().return_once(|_| Err(HashError::Overloaded));
    overloaded.server().send(post_json("/api/v1/users", ADA)).await.problem(503, "overloaded");
    let mut away = hashing();
    away.users.expect_create().return_once(|_, _| Err(CreateUserError::Unexpected(Unexpected::unavailable("away"))));
    away.server().send(post_json("/api/v1/users", ADA)).await.problem(503, "store_unavailable");
    let mut broken = hashing();
    broken.users.expect_create().return_once(|_, _| Err(CreateUserError::Unexpected(Unexpected::new("broken"))));
    broken.server().send(post_json("/api/v1/users", ADA)).await.problem(500, "internal");
}
