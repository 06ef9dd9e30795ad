//! The first administrator comes from the command line, never from a race at sign-up.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::client::{PASSWORD, sent};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(fifty_who_sign_up_at_once_are_users);

async fn fifty_who_sign_up_at_once_are_users(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    let sign_up = |n: usize| {
        let account = json!({"username": format!("u{n}"), "email": format!("u{n}@example.org"), "password": PASSWORD});
        sent(client.request(reqwest::Method::POST, "/api/v1/users").json(&account))
    };
    let replies = join_all((0..50).map(sign_up)).await;
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
    let admins = installation.database().texts("SELECT username AS value FROM users WHERE role <> 'user'");
    assert_eq!(admins, [], "nobody is more than a user");
}
