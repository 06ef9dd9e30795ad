//! A session ends when its owner says so, whatever its token says (S18).

use std::time::{Duration, Instant};

use crate::support::client::{Caller, PASSWORD};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;
use crate::support::waiting::eventually;

on_both_stores!(a_logout_ends_the_token_at_once, wrong_credentials_open_nothing);

async fn a_logout_ends_the_token_at_once(backend: Backend) {
    let server = Installation::new(backend).start().await;
    let laptop = server.client().newcomer("ada").await;
    let phone = server.client().log_in("ada").await;
    assert_eq!(me(&laptop).await.json()["username"], "ada");

    laptop.log_out().await;
    me(&laptop).await.problem(401, "invalid_token");
    let refused = laptop.send("Am I still here?").await;
    refused.problem(401, "invalid_token");
    assert_eq!(refused.header("www-authenticate").map(|value| value.starts_with("Bearer")), Some(true));
    assert_eq!(me(&phone).await.json()["username"], "ada", "other sessions go on");
    assert!(phone.conversations().await.is_empty(), "a dead token asks nothing");
}

async fn wrong_credentials_open_nothing(backend: Backend) {
    let installation = Installation::new(backend);
    let server = installation.start().await;
    let client = server.client();
    client.sign_up("ada").await;
    let before = installation.database().row_counts();

    let wrong_password = client.try_log_in("ada", "incorrect horse").await;
    let unknown_user = client.try_log_in("nobody", PASSWORD).await;
    for reply in [&wrong_password, &unknown_user] {
        assert_eq!(reply.body::<serde_json::Value>(400)["error"], "invalid_grant");
    }
    assert_eq!(without_request_id(&wrong_password), without_request_id(&unknown_user));
    client.get("/api/v1/me").await.problem(401, "unauthenticated");
    assert_eq!(installation.database().row_counts(), before);
}

#[tokio::test]
async fn a_logout_reaches_the_other_replica_within_a_second() {
    let installation = Installation::new(Backend::Postgres);
    let (one, other) = (installation.start().await, installation.start().await);
    let here = one.client().newcomer("ada").await;
    let there = here.at(&other);
    assert_eq!(me(&there).await.status, 200, "the other replica has just seen the session live");

    here.log_out().await;
    let ended = Instant::now();
    let mut last_accepted = Duration::ZERO;
    let refused = eventually("the other replica refuses the token", async || {
        let asked = ended.elapsed();
        let reply = me(&there).await;
        if reply.status == 200 {
            last_accepted = asked;
        }
        (reply.status != 200).then_some(reply)
    })
    .await;
    refused.problem(401, "invalid_token");
    assert!(last_accepted <= Duration::from_secs(1), "still accepted {last_accepted:?} after the logout");
}

async fn me(caller: &Caller) -> Reply {
    caller.get("/api/v1/me").await
}

fn without_request_id(reply: &Reply) -> String {
    reply.text.replace(reply.header("x-request-id").unwrap(), "")
}
