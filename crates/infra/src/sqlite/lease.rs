use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::Unexpected;
use domain::chat::ReplicaLease;
use domain::clock::Clock;
use domain::id::{ReplicaId, TurnId};

use super::schema::{replicas, turn_pieces};
use super::writer::Writer;
use crate::sql::values::{Id, Time};

/// Leases of server processes in SQLite. The store's clock is that of the only server there is.
pub(super) struct Leases {
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

/// How long a process may be out of touch before its row goes; what it ran has been closed long since.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(1);

#[derive(QueryableByName)]
struct Reaped {
    #[diesel(sql_type = Text)]
    id: Id,
}

#[async_trait]
impl ReplicaLease for Leases {
    async fn renew(&self, replica: ReplicaId, lease: Duration) -> Result<(), Unexpected> {
        let lease = TimeDelta::from_std(lease).map_err(Unexpected::new)?;
        let clock = self.clock.clone();
        let renew = move |connection: &mut SqliteConnection| {
            // The writer may have kept this waiting: the lease begins when it is written.
            let until = clock.now() + lease;
            diesel::insert_into(replicas::table)
                .values((replicas::id.eq(Id(replica.as_uuid())), replicas::lease_until.eq(Time(until))))
                .on_conflict(replicas::id)
                .do_update()
                .set(replicas::lease_until.eq(Time(until)))
                .execute(connection)
        };
        self.writer.write(renew).await?;
        Ok(())
    }

    async fn reap(&self, by: ReplicaId, at: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let clock = self.clock.clone();
        let reap = move |connection: &mut SqliteConnection| {
            let now = clock.now();
            let reaped: Vec<Reaped> = diesel::sql_query(include_str!("reap.sql"))
                .bind::<BigInt, _>(Time(at))
                .bind::<BigInt, _>(Time(now))
                .bind::<Text, _>(Id(by.as_uuid()))
                .load(connection)?;
            let forgotten = Time(now - FORGOTTEN_AFTER);
            diesel::delete(replicas::table.filter(replicas::lease_until.lt(forgotten))).execute(connection)?;
            let ids: Vec<Id> = reaped.iter().map(|turn| turn.id).collect();
            diesel::delete(turn_pieces::table.filter(turn_pieces::turn_id.eq_any(&ids))).execute(connection)?;
            Ok(ids)
        };
        Ok(self.writer.write(reap).await?.into_iter().map(|id| TurnId::from_uuid(id.0)).collect())
    }

    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected> {
        let release = move |connection: &mut SqliteConnection| {
            diesel::delete(replicas::table.find(Id(replica.as_uuid()))).execute(connection)
        };
        self.writer.write(release).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use domain::clock::MockClock;
    use uuid::Uuid;

    use super::*;
    use crate::sql::Connect;
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
                 INSERT INTO turn_pieces VALUES ('{n}', 0, 'ab'), ('{n}', 2, 'c'), ('{n}', 9, 'after a gap');"
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
        let leases = Leases {
            writer: Writer::start(options, 4, Duration::from_secs(10), None).unwrap(),
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
}
