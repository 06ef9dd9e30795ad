//! Two tabs that refresh at once are no theft: the immediate predecessor gets the same successor for a while.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::support::client::Client;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(twenty_at_once_get_one_successor, after_a_while_it_is_theft);

/// How often, for a race is not always lost.
const ROUNDS: usize = 10;

async fn twenty_at_once_get_one_successor(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let client = server.client();
    client.sign_up("ada").await;
    for _ in 0..ROUNDS {
        one_successor(std::slice::from_ref(&client)).await;
    }
}

#[tokio::test]
async fn twenty_at_once_get_one_successor_from_both_replicas() {
    // All replicas must have the same secret.
    let installation = Installation::new(Backend::Postgres);
    let (one, other) = (installation.start().await, installation.start().await);
    one.client().sign_up("ada").await;
    for _ in 0..ROUNDS {
        one_successor(&[one.client(), other.client()]).await;
    }
}

async fn one_successor(clients: &[Client]) {
    let token = clients[0].log_in("ada").await.refresh_token;
    let replies = join_all((0..20).map(|n| clients[n % clients.len()].refresh(&token))).await;
    let callers: Vec<_> = replies.iter().map(|reply| clients[0].refreshed(reply)).collect();
    let successors: BTreeSet<&str> = callers.iter().map(|caller| caller.refresh_token.as_str()).collect();
    assert_eq!(successors.len(), 1);
    assert!(!successors.contains(token.as_str()));
    let next = clients[0].refresh(&callers[0].refresh_token).await;
    assert_eq!(next.status, 200, "and it counts: {next:?}");
}

async fn after_a_while_it_is_theft(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let next = client.refreshed(&client.refresh(&ada.refresh_token).await);
    assert_eq!(client.refreshed(&client.refresh(&ada.refresh_token).await).refresh_token, next.refresh_token);
    let aged = match backend {
        Backend::Postgres => "UPDATE refresh_tokens SET used_at = used_at - interval '31 seconds'",
        Backend::Sqlite => "UPDATE refresh_tokens SET used_at = used_at - 31000000",
    };
    installation.database().execute(aged);
    assert_eq!(client.refresh(&ada.refresh_token).await.status, 400);
    next.get("/api/v1/me").await.problem(401, "invalid_token");
}
