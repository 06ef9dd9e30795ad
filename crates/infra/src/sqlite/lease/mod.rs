//! Which processes are alive, what has come of their turns, and what they should know. The store's clock is that of the
//! only server there is.

mod beat;
mod follow;
mod reap;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::Unexpected;
use domain::chat::{Beat, Cancellation, News, ReplicaLease};
use domain::clock::Clock;
use domain::id::{ReplicaId, TurnId, UserId};

use super::connection::Readers;
use super::schema::{replicas, turns};
use super::writer::Writer;
use crate::sql::rows::storable;
use crate::sql::values::{Id, Time};

/// Leases of server processes in SQLite.
pub(super) struct Leases {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl ReplicaLease for Leases {
    /// What is told is written first, if there is anything: a process that has nothing to say costs no flush.
    async fn beat(&self, beat: Beat) -> Result<News, Unexpected> {
        let Beat { replica, lease, pieces, credentials, followed } = beat;
        let replica = Id(replica.as_uuid());
        let pieces = storable(pieces);
        let mut told: Vec<Id> = pieces.iter().map(|piece| piece.turn_id).collect();
        told.sort_unstable_by_key(|turn| turn.0);
        told.dedup();
        if lease.is_some() || !pieces.is_empty() {
            let clock = self.clock.clone();
            let tell = move |connection: &mut SqliteConnection| {
                // The writer may have kept this waiting: the lease begins when it is written.
                beat::tell(connection, replica, lease.map(|lease| Time(clock.now() + lease)), &pieces)
            };
            self.writer.write(tell).await?;
        }
        let now = Time(self.clock.now());
        let watched: Vec<Id> = credentials.iter().map(|credential| Id(credential.as_uuid())).collect();
        let hear = move |connection: &mut SqliteConnection| {
            let heard = beat::hear(connection, replica, &told, &watched, now)?;
            Ok((heard, follow::look(connection, &followed)?))
        };
        let (heard, looks) = self.readers.run(hear).await?;
        Ok(News {
            cancelled: heard.turns.into_iter().map(|id| TurnId::from_uuid(id.0)).collect(),
            ended: credentials.into_iter().filter(|it| heard.ended.contains(&Id(it.as_uuid()))).collect(),
            followed: follow::courses(looks),
        })
    }

    async fn request_cancel(
        &self,
        owner: UserId,
        id: TurnId,
        now: DateTime<Utc>,
    ) -> Result<Option<Cancellation>, Unexpected> {
        let request = move |connection: &mut SqliteConnection| {
            let turn = turns::table
                .find(Id(id.as_uuid()))
                .filter(turns::user_id.eq(Id(owner.as_uuid())))
                .filter(turns::expiry_timestamp.gt(Time(now)));
            let running = turn.filter(turns::status.eq("running")).select(turns::owner);
            let Some(by) = running.first::<Option<Id>>(connection).optional()?.flatten() else {
                let is_there: bool = diesel::select(diesel::dsl::exists(turn)).get_result(connection)?;
                return Ok(is_there.then_some(Cancellation::Ended));
            };
            let unasked = turns::table.find(Id(id.as_uuid())).filter(turns::cancel_requested_at.is_null());
            diesel::update(unasked).set(turns::cancel_requested_at.eq(Time(now))).execute(connection)?;
            Ok(Some(Cancellation::Requested { by: ReplicaId::from_uuid(by.0) }))
        };
        Ok(self.writer.write(request).await?)
    }

    async fn reap(&self, by: ReplicaId, at: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let clock = self.clock.clone();
        let reap = move |connection: &mut SqliteConnection| {
            reap::reap(connection, Id(by.as_uuid()), Time(at), Time(clock.now()))
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
