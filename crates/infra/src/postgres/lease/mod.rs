//! Which processes are alive, by PostgreSQL's clock; what has come of their turns, and what they should know.

mod beat;
mod follow;
mod reap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::Unexpected;
use domain::chat::{Beat, Cancellation, News, ReplicaLease};
use domain::id::{ReplicaId, TurnId, UserId};

use super::connection::PgPool;
use super::schema::{replicas, turns};
use crate::sql::rows::storable;
use crate::sql::values::{Id, Time};

/// Leases of server processes in PostgreSQL.
pub(super) struct Leases {
    /// For this process's own beat: however busy the server is, it must be able to say that it is alive.
    pub own: PgPool,
    /// For what requests ask.
    pub requests: PgPool,
}

#[async_trait]
impl ReplicaLease for Leases {
    async fn beat(&self, beat: Beat) -> Result<News, Unexpected> {
        let Beat { replica, lease, pieces, credentials, followed } = beat;
        let pieces = storable(pieces);
        let watched = credentials.iter().map(|credential| Id(credential.as_uuid())).collect();
        let told = beat::Told { replica: Id(replica.as_uuid()), lease, pieces, watched };
        let heard = self.own.run(move |connection| told.tell(connection)).await?;
        let followed = follow::courses(&self.own, followed).await.unwrap_or_else(|error| {
            // What this process heard counts all the same; whoever follows is told with the next beat.
            tracing::warn!(%error, "turns of other processes could not be followed");
            Vec::new()
        });
        Ok(News {
            cancelled: heard.turns.into_iter().map(|id| TurnId::from_uuid(id.0)).collect(),
            ended: credentials.into_iter().filter(|it| heard.ended.contains(&Id(it.as_uuid()))).collect(),
            followed,
        })
    }

    async fn request_cancel(
        &self,
        owner: UserId,
        id: TurnId,
        now: DateTime<Utc>,
    ) -> Result<Option<Cancellation>, Unexpected> {
        let request = move |connection: &mut PgConnection| {
            let turn = turns::table
                .find(Id(id.as_uuid()))
                .filter(turns::user_id.eq(Id(owner.as_uuid())))
                .filter(turns::expiry_timestamp.gt(Time(now)));
            let unasked = turn.filter(turns::status.eq("running")).filter(turns::cancel_requested_at.is_null());
            diesel::update(unasked).set(turns::cancel_requested_at.eq(Time(now))).execute(connection)?;
            let found =
                turn.select((turns::status, turns::owner)).first::<(String, Option<Id>)>(connection).optional()?;
            Ok(found.map(|(status, owner)| match owner {
                Some(by) if status == "running" => Cancellation::Requested { by: ReplicaId::from_uuid(by.0) },
                _ => Cancellation::Ended,
            }))
        };
        Ok(self.requests.run(request).await?)
    }

    async fn reap(&self, by: ReplicaId, now: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let reap = move |connection: &mut PgConnection| reap::reap(connection, Id(by.as_uuid()), Time(now));
        Ok(self.own.run(reap).await?.into_iter().map(|id| TurnId::from_uuid(id.0)).collect())
    }

    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected> {
        let release = move |connection: &mut PgConnection| {
            diesel::delete(replicas::table.find(Id(replica.as_uuid()))).execute(connection)
        };
        self.own.run(release).await?;
        Ok(())
    }
}
