//! A bad network before the database (R3): slow, broken, and then without any packet that arrives.
//!
//! `silent_store.rs` has a database that takes what it is told and says nothing.

use std::time::{Duration, Instant};

use super::load::Load;
use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::proxy::Proxy;
use crate::support::scale::scaled;

/// Three seconds is the promise for the store; an answer asks it twice, and a machine may have too much to do.
const SOON: Duration = Duration::from_secs(2 * 3 + 4);
/// Five seconds is the promise.
const RECOVERY: Duration = Duration::from_secs(5 + 5);

#[tokio::test]
async fn r3_a_bad_network_costs_time_and_no_turn() {
    let installation = Installation::new(Backend::Postgres).answering(3, 10);
    let (proxy, through) = Proxy::before(installation.database().url());
    let server = installation.variable("DATABASE_URL", through).start().await;
    let client = server.client();
    let ada = client.newcomer("ada").await;
    let mut load = Load::start(&ada, ada.new_conversations(scaled(10)).await);
    load.until(load.size(), true).await;

    proxy.delay(Duration::from_millis(20));
    load.until(3 * load.size(), true).await;
    proxy.heal();
    for _ in 0..10 {
        proxy.cut();
        load.until(load.size(), true).await;
    }

    proxy.swallow();
    // Whatever is under way at that moment, and several times everything that comes after it.
    let refusals = 3 * load.size();
    let (longest, slowest) = tokio::join!(load.until(refusals, false), slowest_health(&client));
    assert!(longest < SOON, "one waited {longest:?}");
    assert!(slowest < Duration::from_secs(1), "/healthz took {slowest:?}");

    proxy.heal();
    let healed = Instant::now();
    load.until(load.size(), true).await;
    let back = healed.elapsed();
    assert!(back < RECOVERY, "it took {back:?}");
    let asked = load.stop_and_judge(&ada).await;
    println!(
        "R3: {} questions, none waited longer than {longest:?}, /healthz {slowest:?}, back after {back:?}",
        asked.len()
    );
}

/// The longest of many looks at the process, which needs no database.
async fn slowest_health(client: &crate::support::client::Client) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let begun = Instant::now();
        assert_eq!(client.get("/healthz").await.status, 200);
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}
