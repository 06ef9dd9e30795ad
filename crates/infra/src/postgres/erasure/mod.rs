//! Accounts that are being deleted, in PostgreSQL.

mod begin;
mod step;

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::erasure::{Begun, ErasureRepository, Step};
use domain::id::UserId;

use super::connection::PgPool;
use super::schema::erasures;
use crate::sql::rows::NewAuditRow;
use crate::sql::values::Id;

pub(super) struct Erasures(pub PgPool);

#[async_trait]
impl ErasureRepository for Erasures {
    async fn begin(&self, user: UserId, event: NewAuditEvent) -> Result<Begun, Unexpected> {
        let event = NewAuditRow::from(event);
        let begin = move |connection: &mut PgConnection| {
            connection.transaction(|connection| begin::begin(connection, Id(user.as_uuid()), &event))
        };
        Ok(self.0.run(begin).await?)
    }

    async fn step(&self, user: UserId, limit: u32) -> Result<Option<Step>, Unexpected> {
        let step = move |connection: &mut PgConnection| {
            connection.transaction(|connection| step::step(connection, Id(user.as_uuid()), limit))
        };
        Ok(self.0.run(step).await?)
    }

    async fn unfinished(&self, idle: Duration, limit: u32) -> Result<Vec<UserId>, Unexpected> {
        let idle = TimeDelta::from_std(idle).map_err(Unexpected::new)?;
        let find = move |connection: &mut PgConnection| {
            erasures::table
                .filter(erasures::went_on_at.le(now.into_sql::<Timestamptz>() - idle.into_sql::<Interval>()))
                .order(erasures::went_on_at)
                .limit(i64::from(limit))
                .select(erasures::user_id)
                .load::<Id>(connection)
        };
        Ok(self.0.run(find).await?.into_iter().map(|id| UserId::from_uuid(id.0)).collect())
    }
}
