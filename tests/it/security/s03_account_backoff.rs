//! An account's own throttle (S3): whatever addresses the guesses come from, and whether it exists or not.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::task::JoinSet;

use super::throttled::{is_throttled_login, log_in_from};
use crate::support::client::{Client, PASSWORD};
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::reply::Reply;
use crate::support::waiting::eventually;

async fn behind_a_proxy() -> Server {
    Installation::new(Backend::Sqlite).limited().set("server.trusted_proxies", "127.0.0.1").start().await
}

/// Guesses from many addresses until the account has to wait. Only a machine that takes longer for a guess than the
/// wait has grown to admits more than five.
async fn guess_until_refused(client: &Client, name: &str) -> Reply {
    for number in 0..15 {
        let reply = log_in_from(client, &format!("198.51.100.{number}"), name, "guess").await;
        if reply.status == 429 {
            assert!(number >= 5, "five are free: {reply:?}");
            is_throttled_login(&reply);
            return reply;
        }
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    panic!("{name} was never made to wait");
}

#[tokio::test]
async fn s03_many_addresses_cannot_guess_one_password_and_its_owner_goes_on() {
    let server = behind_a_proxy().await;
    let ada = server.client().newcomer("ada").await;
    // A guess that comes late is admitted, and so may be the right password then; it begins anew after that.
    let mut has_waited = false;
    for _ in 0..5 {
        guess_until_refused(ada.client(), "Ada").await;
        let own = log_in_from(ada.client(), "203.0.113.1", "ada", PASSWORD).await;
        has_waited = own.status == 429;
        if has_waited {
            is_throttled_login(&own);
            break;
        }
    }
    assert!(has_waited, "the right password never had to wait");
    assert_eq!(ada.ask("My name is Ada.").await.response, "Nice to meet you, Ada.");
    assert_eq!(ada.get("/api/v1/me").await.status, 200);
    server.client().sign_up("bob").await;
    assert_eq!(log_in_from(ada.client(), "203.0.113.2", "bob", PASSWORD).await.status, 200, "others do not wait");

    // A look is refused and costs nothing, so that the owner is let in once the wait is over.
    let mut looks = 0;
    eventually("the wait is over", async || {
        looks += 1;
        let reply = log_in_from(ada.client(), &format!("203.0.113.{}", looks % 250), "ada", PASSWORD).await;
        (reply.status == 200).then_some(())
    })
    .await;
    for number in 0..5 {
        let reply = log_in_from(ada.client(), &format!("192.0.2.{number}"), "ada", "guess").await;
        assert_eq!(reply.status, 400, "the right password made all be forgotten: {reply:?}");
    }
}

#[tokio::test]
async fn s03_an_account_that_does_not_exist_waits_just_like_one_that_does() {
    let server = behind_a_proxy().await;
    let client = server.client();
    client.sign_up("ada").await;
    let told = async |name: &str| {
        let reply = guess_until_refused(&client, name).await;
        let own = ["date", "x-request-id", "retry-after", "ratelimit"];
        let headers = reply.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let headers: BTreeMap<_, _> = headers.filter(|(name, _)| !own.contains(&name.as_str())).collect();
        let mut body: Value = reply.body(429);
        for own in ["request_id", "retry_after"] {
            assert!(body.as_object_mut().unwrap().remove(own).is_some());
        }
        (headers, body.to_string())
    };
    assert_eq!(told("ada").await, told("bob").await);
}

#[tokio::test]
async fn s03_guesses_that_come_all_at_once_do_not_slip_through() {
    let server = behind_a_proxy().await;
    let client = server.client();
    client.sign_up("ada").await;
    let mut guesses = JoinSet::new();
    for number in 0..60 {
        let client = client.clone();
        guesses.spawn(async move {
            log_in_from(&client, &format!("198.51.100.{number}"), "ada", &format!("guess {number}")).await.status
        });
    }
    let statuses = guesses.join_all().await;
    let admitted = statuses.iter().filter(|status| **status == 400).count();
    assert!(statuses.iter().all(|status| [400, 429].contains(status)), "{statuses:?}");
    // Five, and one each time that a wait which doubles is over.
    assert!((5..=10).contains(&admitted), "{admitted} were compared");
}
