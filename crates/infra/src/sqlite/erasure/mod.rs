//! Accounts that are being deleted, in SQLite. The store's clock is that of the only server there is.

mod begin;
mod step;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::prelude::*;
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::clock::Clock;
use domain::erasure::{Begun, ErasureRepository, Step};
use domain::id::UserId;

use super::connection::Readers;
use super::schema::erasures;
use super::writer::Writer;
use crate::sql::rows::NewAuditRow;
use crate::sql::values::{Id, Time};

pub(super) struct Erasures {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl ErasureRepository for Erasures {
    async fn begin(&self, user: UserId, event: NewAuditEvent) -> Result<Begun, Unexpected> {
        let (event, now) = (NewAuditRow::from(event), Time(self.clock.now()));
        let begin = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| begin::begin(connection, Id(user.as_uuid()), &event, now))
        };
        Ok(self.writer.write(begin).await?)
    }

    async fn step(&self, user: UserId, limit: u32) -> Result<Option<Step>, Unexpected> {
        let now = Time(self.clock.now());
        let step = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| step::step(connection, Id(user.as_uuid()), limit, now))
        };
        Ok(self.writer.write(step).await?)
    }

    async fn unfinished(&self, idle: Duration, limit: u32) -> Result<Vec<UserId>, Unexpected> {
        let then = Time(self.clock.now() - TimeDelta::from_std(idle).map_err(Unexpected::new)?);
        let find = move |connection: &mut SqliteConnection| {
            erasures::table
                .filter(erasures::went_on_at.le(then))
                .order(erasures::went_on_at)
                .limit(i64::from(limit))
                .select(erasures::user_id)
                .load::<Id>(connection)
        };
        Ok(self.readers.run(find).await?.into_iter().map(|id| UserId::from_uuid(id.0)).collect())
    }
}
