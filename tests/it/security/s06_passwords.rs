//! S6: passwords of 8 to 128 characters and more, of which nothing is cut.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::client::{Client, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::reply::Reply;

async fn register(client: &Client, name: &str, password: &str) -> Reply {
    let account = json!({"username": name, "email": format!("{name}@example.org"), "password": password});
    sent(client.request(Method::POST, "/api/v1/users").json(&account)).await
}

#[tokio::test]
async fn s06_long_passwords_count_to_their_last_character() {
    let server = Installation::new(Backend::Sqlite).start().await;
    let client = server.client();
    for length in [8, 64, 72, 73, 100, 128, 1024] {
        let name = format!("ada{length}");
        let password: String = "q7-kx w".chars().cycle().take(length).collect();
        assert_eq!(register(&client, &name, &password).await.status, 201, "{length}");
        assert_eq!(client.try_log_in(&name, &password).await.status, 200, "{length}");
        for changed in [length - 1, (length - 1).min(99)] {
            let mut other = password.clone();
            other.replace_range(changed..=changed, "!");
            assert_eq!(client.try_log_in(&name, &other).await.status, 400, "character {changed} of {length}");
        }
        assert_eq!(client.try_log_in(&name, &password[..length - 1]).await.status, 400, "all but the last of {length}");
        assert_eq!(client.try_log_in(&name, &(password + "x")).await.status, 400, "one more than {length}");
    }
}

#[tokio::test]
async fn s06_passwords_that_are_short_or_common_are_refused() {
    let installation = Installation::new(Backend::Sqlite);
    let server = installation.start().await;
    for bad in ["", "1a2b3c4", "password", "PassWord1", "qwertyuiop", "12345678", "zzzzzzzzzzzz", "ada-lovelace"] {
        let refused = register(&server.client(), "ada-lovelace", bad).await;
        let problem = refused.problem(422, "validation_failed");
        assert!(problem.errors.iter().any(|error| error.pointer == "/password"), "{bad:?}: {refused:?}");
    }
    assert_eq!(installation.database().row_counts()["users"], "0");
}

#[tokio::test]
async fn s06_a_password_of_a_megabyte_is_refused_and_never_hashed() {
    // So dear that a hash takes longer than anything else here.
    let dear = Installation::new(Backend::Sqlite).set("auth.argon2.iterations", 100);
    let huge = "x1".repeat(512 * 1024);
    let server = dear.start().await;
    refuse(&server.client(), &huge, 413, 413).await;
    let generous = dear.set("server.max_body_bytes", 4 * 1024 * 1024);
    drop(server);
    let server = generous.start().await;
    refuse(&server.client(), &huge, 422, 400).await;
    refuse(&server.client(), &huge[..1025], 422, 400).await;
}

async fn refuse(client: &Client, password: &str, at_registration: u16, at_login: u16) {
    let started = Instant::now();
    assert_eq!(register(client, "ada", password).await.status, at_registration);
    assert_eq!(client.try_log_in("ada", password).await.status, at_login);
    let both = started.elapsed();
    let started = Instant::now();
    assert_eq!(client.try_log_in("ada", "an ordinary one").await.status, 400);
    let hashing = started.elapsed();
    assert!(both < hashing.max(Duration::from_millis(500)), "{both:?}, and a hash takes {hashing:?}");
}
