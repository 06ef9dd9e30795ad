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
        let until = self.clock.now() + TimeDelta::from_std(lease).map_err(Unexpected::new)?;
        let renew = move |connection: &mut SqliteConnection| {
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

    async fn reap(&self, at: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let now = self.clock.now();
        let reap = move |connection: &mut SqliteConnection| {
            let reaped: Vec<Reaped> = diesel::sql_query(include_str!("reap.sql"))
                .bind::<BigInt, _>(Time(at))
                .bind::<BigInt, _>(Time(now))
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
