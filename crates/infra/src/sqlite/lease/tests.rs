use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use domain::clock::MockClock;
use uuid::Uuid;

use super::*;
use crate::sql::{Connect, PoolSettings};
use crate::sqlite::connection::{Access, ConnectionOptions};
use crate::sqlite::migrations;
use crate::sqlite::statement::Statement;

const DAY: i64 = 86_400_000_000;

/// Replica 1 is alive, 2 died a moment ago and 3 two days ago; each runs the turn of its number.
fn rows(now: i64) -> String {
    let user = Uuid::from_u128(9);
    let row = |(n, lease)| {
        let n = Uuid::from_u128(n);
        format!(
            "INSERT INTO replicas VALUES ('{n}', {lease});
             INSERT INTO conversations (id, user_id, created_at, updated_at, expiry_timestamp)
             VALUES ('{n}', '{user}', 0, 0, 0);
             INSERT INTO turns (id, conversation_id, user_id, seq, status, request_question, question_tokens,
                                owner, entry_time, expiry_timestamp)
             VALUES ('{n}', '{n}', '{user}', 1, 'running', 'q', 1, '{n}', 0, 0);
             INSERT INTO turn_pieces VALUES ('{n}', 0, 0, 'ab', NULL), ('{n}', 0, 2, 'c', NULL), ('{n}', 0, 9, 'after a gap', NULL);"
        )
    };
    let rows = [(1, now + 1), (2, now - 1), (3, now - 2 * DAY)].map(row).concat();
    format!(
        "INSERT INTO users (id, username, hashed_password, email, account_created) \
         VALUES ('{user}', 'a', '', 'a', 0); {rows}"
    )
}

#[tokio::test]
async fn reaping_closes_what_the_dead_ran_and_forgets_the_long_dead() {
    let directory = tempfile::tempdir().unwrap();
    let options = ConnectionOptions { path: directory.path().join("c.db"), access: Access::Write };
    let mut connection = SqliteConnection::connect(&options).unwrap();
    migrations::apply(&mut connection).unwrap();
    let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    connection.batch_execute(&rows(now.timestamp_micros())).unwrap();
    let mut clock = MockClock::new();
    clock.expect_now().return_const(now);
    let patience = Duration::from_secs(10);
    let readers = ConnectionOptions { access: Access::Read, ..options.clone() };
    let size = PoolSettings { name: "requests", size: 1, acquire_timeout: patience, patience };
    let leases = Leases {
        readers: Readers::new(readers, size),
        writer: Writer::start(options, 4, patience, None).unwrap(),
        clock: Arc::new(clock),
    };

    let mut reaped = leases.reap(ReplicaId::from_uuid(Uuid::from_u128(1)), now).await.unwrap();
    reaped.sort_by_key(|id| id.as_uuid());
    assert_eq!(reaped, [2, 3].map(|n| TurnId::from_uuid(Uuid::from_u128(n))));
    let mut text = |sql| Statement::<Text, 0>::new(sql, []).get_result::<String>(&mut connection).unwrap();
    assert_eq!(text("SELECT group_concat(coalesce(response, '-') ORDER BY id) FROM turns"), "-,abc,abc");
    assert_eq!(text("SELECT CAST(count(*) AS TEXT) FROM turn_pieces"), "3", "the living one's are left");
    assert_eq!(text("SELECT group_concat(substr(id, 36) ORDER BY id) FROM replicas"), "1,2");
}
