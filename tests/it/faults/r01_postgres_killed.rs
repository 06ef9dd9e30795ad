//! `kill -9` of PostgreSQL under load (R1): nothing that was acknowledged is lost, and nothing is there twice.

use std::time::{Duration, Instant};

use super::load::Load;
use crate::support::installation::Installation;
use crate::support::postgres::PostgresServer;
use crate::support::scale::scaled;

/// How soon after PostgreSQL takes connections almost everything must go well again.
const RECOVERY: Duration = Duration::from_secs(5);

#[tokio::test]
async fn r1_no_acknowledged_turn_is_lost_when_postgres_is_killed() {
    let mut postgres = PostgresServer::start().await;
    let installation = Installation::on(&postgres).answering(4, 20);
    let server = installation.start().await;
    let ada = server.client().newcomer("ada").await;
    let mut load = Load::start(&ada, ada.new_conversations(scaled(20)).await);

    load.until(2 * load.size(), true).await;
    postgres.kill();
    load.until(2 * load.size(), false).await;
    postgres.start_again().await;

    let healed = Instant::now();
    let (mut after, mut good, mut back) = (0, 0, None);
    while after < 5 * load.size() {
        let attempt = load.next().await;
        if attempt.is_ok() && attempt.begun > healed {
            back.get_or_insert(healed.elapsed());
        }
        if attempt.begun > healed + RECOVERY {
            after += 1;
            good += usize::from(attempt.is_ok());
        }
    }
    assert!(good * 100 >= after * 99, "of {after} requests {good} went well");
    let asked = load.stop_and_judge(&ada).await;
    assert!(asked.iter().any(|asked| !asked.outcome.is_ok()), "the kill came while answers were being made");
    println!("R1: {} questions, answers again after {back:?}, {good} of {after} after {RECOVERY:?}", asked.len());
}
