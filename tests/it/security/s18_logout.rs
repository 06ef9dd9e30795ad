//! A session ends when its owner says so, whatever its token says (S18).

use std::time::{Duration, Instant};

use crate::support::client::{Caller, PASSWORD};
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;
use crate::support::reply::Reply;
use crate::support::sse::{EventStream, Transcript};
use crate::support::waiting::eventually;

on_both_stores!(
    a_logout_ends_the_token_at_once,
    a_logout_ends_the_streams_of_the_session_and_no_turn,
    wrong_credentials_open_nothing,
);

/// It is told without a delay; the time is for a machine that has too much to do.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A second is the promise; the rest is for such a machine.
const SOON: Duration = Duration::from_secs(1 + 3);

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

async fn a_logout_ends_the_streams_of_the_session_and_no_turn(backend: Backend) {
    let server = Installation::new(backend).answering(60, 50).start().await;
    let laptop = server.client().newcomer("ada").await;
    let phone = server.client().log_in("ada").await;
    let (mut asked, heard) = begun(laptop.stream("Why?").await.unwrap()).await;
    let turn = heard.turn_id().unwrap();
    let (mut read, also_heard) = begun(laptop.events(turn).await).await;
    let (mut on_the_phone, mut whole) = begun(phone.events(turn).await).await;

    laptop.log_out().await;
    let ended = Instant::now();
    let heard = until_the_session_ends(&mut asked, heard).await;
    until_the_session_ends(&mut read, also_heard).await;
    assert!(ended.elapsed() < AT_ONCE, "it took {:?}", ended.elapsed());
    laptop.get(&format!("/api/v1/turns/{turn}/events")).await.problem(401, "invalid_token");

    whole.hear_all(&mut on_the_phone).await;
    let stored = phone.ended_turn(turn).await;
    assert_eq!((stored.status.as_str(), whole.end()), ("completed", ("turn.completed", None)));
    assert_eq!(stored.response.as_deref(), Some(whole.text.as_str()));
    assert!(whole.text.starts_with(&heard.text) && whole.text.ends_with(" 60"), "{}", whole.text);
    assert!(whole.text.len() > heard.text.len(), "the streams ended before the turn did");
}

#[tokio::test]
async fn a_logout_ends_the_streams_at_the_other_replica() {
    let installation = Installation::new(Backend::Postgres).answering(120, 100);
    let (one, other) = (installation.start().await, installation.start().await);
    let here = one.client().newcomer("ada").await;
    let again = one.client().log_in("ada").await;
    let there = here.at(&other);
    let (asked, heard) = begun(here.stream("Why?").await.unwrap()).await;
    let turn = heard.turn_id().unwrap();
    let (mut read, heard) = begun(there.events(turn).await).await;
    let mut socket = there.web_socket().await.unwrap();
    drop(asked);

    here.log_out().await;
    let ended = Instant::now();
    let (heard, code) = tokio::join!(until_the_session_ends(&mut read, heard), socket.closed());
    assert!(ended.elapsed() < SOON, "it took {:?}", ended.elapsed());
    assert_eq!(code, 4401);

    let mut resumed = heard;
    resumed.events.pop();
    let after = resumed.last_id().unwrap().to_owned();
    resumed.hear_all(&mut again.at(&other).events_after(turn, &after).await).await;
    assert_eq!(resumed.end(), ("turn.completed", None));
    assert_eq!(again.turn(turn).await.response.as_deref(), Some(resumed.text.as_str()));
}

/// A stream, and what has been heard of its answer.
async fn begun(mut stream: EventStream) -> (EventStream, Transcript) {
    let mut heard = Transcript::default();
    heard.hear_until(&mut stream, "turn.delta").await;
    (stream, heard)
}

/// Reads to the end, which must be that of the session.
async fn until_the_session_ends(stream: &mut EventStream, mut heard: Transcript) -> Transcript {
    heard.hear_all(stream).await;
    let last = heard.events.last().unwrap();
    assert_eq!((last.name.as_str(), last.id.as_deref()), ("session.ended", None));
    heard
}

async fn me(caller: &Caller) -> Reply {
    caller.get("/api/v1/me").await
}

fn without_request_id(reply: &Reply) -> String {
    reply.text.replace(reply.header("x-request-id").unwrap(), "")
}
