use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::export::{Chunk, Export, ExportBegun, ExportRepository, ExportState, NewExport, Progress};
use domain::id::{ExportId, ReplicaId, UserId};
use domain::page::{ListError, Page, PageRequest};

use super::{MemoryStore, Rows, now, page_of};

pub(super) struct ExportRow {
    pub(super) owner: UserId,
    replica: ReplicaId,
    export: Export,
    chunks: BTreeMap<u32, Vec<u8>>,
}

impl ExportRow {
    fn is_written_by(&self, replica: ReplicaId) -> bool {
        self.replica == replica && self.export.state == ExportState::Running
    }

    fn is_over(&self, moment: DateTime<Utc>) -> bool {
        self.export.expires_at <= moment
    }
}

impl Rows {
    fn is_alive(&self, replica: ReplicaId) -> bool {
        self.leases.get(&replica).is_some_and(|lease| *lease > now())
    }

    fn export(&self, owner: UserId, id: ExportId) -> Option<Export> {
        let row = self.exports.get(&id).filter(|row| row.owner == owner && !row.is_over(now()))?;
        let is_left = row.export.state == ExportState::Running && !self.is_alive(row.replica);
        let state = if is_left { ExportState::Failed } else { row.export.state };
        Some(Export { state, ..row.export.clone() })
    }
}

#[async_trait]
impl ExportRepository for MemoryStore {
    async fn begin(&self, new: NewExport, event: NewAuditEvent) -> Result<ExportBegun, Unexpected> {
        let mut rows = self.rows();
        let own: Vec<ExportId> =
            rows.exports.iter().filter(|(_, row)| row.owner == new.owner).map(|(id, _)| *id).collect();
        for id in own {
            match rows.export(new.owner, id) {
                Some(export) if export.state == ExportState::Running => return Ok(ExportBegun::Running(export)),
                Some(export) => {
                    let row = rows.exports.get_mut(&id).expect("it was found");
                    row.export = Export { expires_at: now(), ..export };
                }
                None => {}
            }
        }
        let created_at = now();
        let export = Export {
            id: new.id,
            state: ExportState::Running,
            progress: Progress { done: 0, total: new.total },
            created_at,
            expires_at: created_at + new.lifetime,
        };
        let (owner, replica) = (new.owner, new.replica);
        let row = ExportRow { owner, replica, export: export.clone(), chunks: BTreeMap::new() };
        rows.exports.insert(new.id, row);
        rows.record(event);
        Ok(ExportBegun::Begun(export))
    }

    async fn append(&self, id: ExportId, replica: ReplicaId, chunk: Chunk) -> Result<bool, Unexpected> {
        let mut rows = self.rows();
        let row = rows.exports.get_mut(&id).filter(|row| row.is_written_by(replica) && !row.is_over(now()));
        let Some(row) = row else { return Ok(false) };
        row.export.progress = chunk.progress;
        row.chunks.entry(chunk.number).or_insert(chunk.content);
        Ok(true)
    }

    async fn end(
        &self,
        id: ExportId,
        replica: ReplicaId,
        state: ExportState,
        progress: Progress,
    ) -> Result<(), Unexpected> {
        if let Some(row) = self.rows().exports.get_mut(&id).filter(|row| row.is_written_by(replica)) {
            row.export = Export { state, progress, ..row.export.clone() };
        }
        Ok(())
    }

    async fn find(&self, owner: UserId, id: ExportId) -> Result<Option<Export>, Unexpected> {
        Ok(self.rows().export(owner, id))
    }

    async fn list(&self, owner: UserId, page: PageRequest<ExportId>) -> Result<Page<Export>, ListError> {
        let rows = self.rows();
        let own = rows.exports.values().filter(|row| row.owner == owner).map(|row| row.export.clone());
        let is_kept = |export: &Export| rows.export(owner, export.id).is_some();
        page_of(own.collect(), page, |export| export.id, |export| (export.created_at, export.id), is_kept)
    }

    async fn chunk(&self, owner: UserId, id: ExportId, number: u32) -> Result<Option<Vec<u8>>, Unexpected> {
        let rows = self.rows();
        let is_complete = |export: Export| matches!(export.state, ExportState::Completed { .. });
        if !rows.export(owner, id).is_some_and(is_complete) {
            return Ok(None);
        }
        Ok(rows.exports.get(&id).and_then(|row| row.chunks.get(&number)).cloned())
    }

    async fn purge(&self, _: u32) -> Result<u32, Unexpected> {
        let mut rows = self.rows();
        let before = rows.exports.len();
        rows.exports.retain(|_, row| !row.is_over(now()));
        Ok(u32::try_from(before - rows.exports.len()).expect("a small number"))
    }
}
