use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz, Uuid as PgUuid};
use domain::Unexpected;
use domain::chat::ReplicaLease;
use domain::id::{ReplicaId, TurnId};

use super::connection::PgPool;
use super::schema::replicas;
use crate::sql::values::{Id, Time};

/// Leases of server processes in PostgreSQL, timed by its clock.
pub(super) struct Leases(pub PgPool);

#[derive(QueryableByName)]
struct Reaped {
    #[diesel(sql_type = PgUuid)]
    id: Id,
}

#[async_trait]
impl ReplicaLease for Leases {
    async fn renew(&self, replica: ReplicaId, lease: Duration) -> Result<(), Unexpected> {
        let lease = TimeDelta::from_std(lease).map_err(Unexpected::new)?;
        let id = Id(replica.as_uuid());
        let renew = move |connection: &mut PgConnection| {
            let until = now.into_sql::<Timestamptz>() + lease.into_sql::<Interval>();
            diesel::insert_into(replicas::table)
                .values((replicas::id.eq(id), replicas::lease_until.eq(until)))
                .on_conflict(replicas::id)
                .do_update()
                .set(replicas::lease_until.eq(until))
                .execute(connection)
        };
        self.0.run(renew).await?;
        Ok(())
    }

    async fn reap(&self, by: ReplicaId, at: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let reap = move |connection: &mut PgConnection| {
            diesel::sql_query(include_str!("reap.sql"))
                .bind::<Timestamptz, _>(Time(at))
                .bind::<PgUuid, _>(Id(by.as_uuid()))
                .load::<Reaped>(connection)
        };
        Ok(self.0.run(reap).await?.into_iter().map(|turn| TurnId::from_uuid(turn.id.0)).collect())
    }

    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected> {
        let release = move |connection: &mut PgConnection| {
            diesel::delete(replicas::table.find(Id(replica.as_uuid()))).execute(connection)
        };
        self.0.run(release).await?;
        Ok(())
    }
}
