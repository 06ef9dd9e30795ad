use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use domain::Unexpected;
use domain::housekeeping::RetentionRepository;

use super::connection::PgPool;
use super::schema::{api_keys, sessions};
use crate::sql::delete_some;
use crate::sql::values::Id;

/// Credentials that are long over, in PostgreSQL, by its clock.
pub(super) struct Retention(pub PgPool);

#[async_trait]
impl RetentionRepository for Retention {
    async fn purge_sessions(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected> {
        let kept = TimeDelta::from_std(kept).map_err(Unexpected::new)?;
        let purge = move |connection: &mut PgConnection| {
            let then = || now.into_sql::<Timestamptz>() - kept.into_sql::<Interval>();
            let over = sessions::expires_at.lt(then()).or(sessions::ended_at.lt(then().nullable()));
            Ok(delete_some!(connection, sessions, id: Id, sessions::table.filter(over), limit))
        };
        Ok(u32::try_from(self.0.run(purge).await?).unwrap_or(u32::MAX))
    }

    async fn purge_api_keys(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected> {
        let kept = TimeDelta::from_std(kept).map_err(Unexpected::new)?;
        let purge = move |connection: &mut PgConnection| {
            let then = || now.into_sql::<Timestamptz>() - kept.into_sql::<Interval>();
            let over = api_keys::expires_at.lt(then()).or(api_keys::revoked_at.lt(then().nullable()));
            Ok(delete_some!(connection, api_keys, id: Id, api_keys::table.filter(over), limit))
        };
        Ok(u32::try_from(self.0.run(purge).await?).unwrap_or(u32::MAX))
    }
}
