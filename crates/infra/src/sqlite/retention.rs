use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::prelude::*;
use domain::Unexpected;
use domain::clock::Clock;
use domain::housekeeping::RetentionRepository;

use super::schema::{api_keys, sessions};
use super::writer::Writer;
use crate::sql::delete_some;
use crate::sql::values::{Id, Time};

/// Credentials that are long over in SQLite. The store's clock is that of the only server there is.
pub(super) struct Retention {
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl RetentionRepository for Retention {
    async fn purge_sessions(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected> {
        let then = Time(self.clock.now() - TimeDelta::from_std(kept).map_err(Unexpected::new)?);
        let purge = move |connection: &mut SqliteConnection| {
            let over = sessions::expires_at.lt(then).or(sessions::ended_at.lt(then));
            Ok(delete_some!(connection, sessions, id: Id, sessions::table.filter(over), limit))
        };
        Ok(u32::try_from(self.writer.write(purge).await?).unwrap_or(u32::MAX))
    }

    async fn purge_api_keys(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected> {
        let then = Time(self.clock.now() - TimeDelta::from_std(kept).map_err(Unexpected::new)?);
        let purge = move |connection: &mut SqliteConnection| {
            let over = api_keys::expires_at.lt(then).or(api_keys::revoked_at.lt(then));
            Ok(delete_some!(connection, api_keys, id: Id, api_keys::table.filter(over), limit))
        };
        Ok(u32::try_from(self.writer.write(purge).await?).unwrap_or(u32::MAX))
    }
}
