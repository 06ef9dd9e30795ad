use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::housekeeping::RetentionRepository;

use super::{MemoryStore, now};

#[async_trait]
impl RetentionRepository for MemoryStore {
    async fn purge_sessions(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected> {
        let mut rows = self.rows();
        let mut gone = 0;
        rows.sessions.retain(|_, row| {
            let is_over = row.absolute_end() + kept < now() || row.ended.is_some_and(|(at, _)| at + kept < now());
            let goes = gone < limit && is_over;
            gone += u32::from(goes);
            !goes
        });
        Ok(gone)
    }

    async fn purge_api_keys(&self, kept: Duration, limit: u32) -> Result<u32, Unexpected> {
        let mut rows = self.rows();
        let mut gone = 0;
        rows.keys.retain(|_, row| {
            let is_over = row.key.expires_at + kept < now() || row.revoked_at.is_some_and(|at| at + kept < now());
            let goes = gone < limit && is_over;
            gone += u32::from(goes);
            !goes
        });
        Ok(gone)
    }
}
