//! More clients than the store has connections for (R7): the excess is refused soon, and nothing stays behind.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use futures_util::future::join_all;

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::scale::scaled;
use crate::support::waiting::within_patience;

const POOL: usize = 10;
/// Two seconds is the promise; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(2 + 4);

#[tokio::test]
async fn r7_the_excess_over_the_pool_is_refused_and_the_rest_is_served() {
    let installation = Installation::new(Backend::Postgres);
    let server = installation
        .clone()
        .set("database.pool_size", POOL)
        // Whoever has a connection keeps it until the table is free.
        .set("database.statement_timeout_ms", 25_000)
        .start()
        .await;
    let ada = server.client().newcomer("ada").await;
    let conversation = ada.new_conversation().await;

    let mut holder = PgConnection::establish(installation.database().url()).unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE conversations IN ACCESS EXCLUSIVE MODE").unwrap();
    // From here on it takes no connection to know who asks.
    assert_eq!(ada.get("/api/v1/me").await.status, 200);
    let clients = scaled(50).max(POOL * 5);
    let (refuse, mut refusals) = tokio::sync::mpsc::unbounded_channel();
    let reads: Vec<_> = (0..clients)
        .map(|_| {
            let (ada, refuse) = (ada.clone(), refuse.clone());
            tokio::spawn(async move {
                let begun = Instant::now();
                let reply = ada.get("/api/v1/conversations").await;
                if reply.status != 200 {
                    refuse.send((reply.clone(), begun.elapsed())).unwrap();
                }
                reply
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    for _ in 0..clients - POOL {
        let (refusal, waited) = within_patience("a refusal", refusals.recv()).await.unwrap();
        refusal.problem(503, "store_unavailable");
        assert!(refusal.header("retry-after").is_some(), "{refusal:?}");
        assert!(waited < SOON, "one waited {waited:?}");
        longest = longest.max(waited);
    }
    assert_eq!(server.client().get("/healthz").await.status, 200, "the process itself is well");

    holder.batch_execute("ROLLBACK").unwrap();
    let replies = within_patience("all replies", join_all(reads)).await;
    let answered = replies.into_iter().filter(|reply| reply.as_ref().unwrap().status == 200).count();
    assert_eq!(answered, POOL, "whoever had a connection was served when the table was free");
    let again = join_all((0..POOL * 2).map(|_| ada.get("/api/v1/conversations"))).await;
    assert!(again.iter().all(|reply| reply.status == 200), "it recovers at once: {again:?}");
    assert_eq!(ada.conversations().await, [conversation]);
    println!("R7: of {clients} clients {} were refused within {longest:?}", clients - POOL);
}
