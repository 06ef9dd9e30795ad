use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::{auto_type, exists, not};
use diesel::prelude::*;
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::clock::Clock;
use domain::export::{Chunk, Export, ExportBegun, ExportRepository, ExportState, NewExport, Progress};
use domain::id::{ExportId, ReplicaId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};

use super::audit;
use super::connection::Readers;
use super::schema::{export_chunks, exports, replicas};
use super::writer::Writer;
use crate::sql::rows::{ExportRow, NewAuditRow};
use crate::sql::values::{Id, Time};
use crate::sql::{delete_some, keyset, page, stored_count};

/// Exports in SQLite. The store's clock is that of the only server there is.
pub(super) struct Exports {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl ExportRepository for Exports {
    async fn begin(&self, export: NewExport, event: NewAuditEvent) -> Result<ExportBegun, Unexpected> {
        let (id, owner, replica) = (Id(export.id.as_uuid()), Id(export.owner.as_uuid()), Id(export.replica.as_uuid()));
        let (total, event) = (stored_count(export.total), NewAuditRow::from(event));
        let lifetime = TimeDelta::from_std(export.lifetime).map_err(Unexpected::new)?;
        let now = Time(self.clock.now());
        let work = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let own = exports::table.filter(exports::user_id.eq(owner));
                let running = own.filter(exports::status.eq("running")).filter(is_attended(now));
                if let Some(running) = running.select(columns(now)).first::<ExportRow>(connection).optional()? {
                    return Ok(running);
                }
                let unattended = own.filter(exports::status.eq("running"));
                diesel::update(unattended).set(exports::status.eq("failed")).execute(connection)?;
                diesel::update(own.filter(exports::expires_at.gt(now)))
                    .set(exports::expires_at.eq(now))
                    .execute(connection)?;
                diesel::insert_into(exports::table)
                    .values((
                        exports::id.eq(id),
                        exports::user_id.eq(owner),
                        exports::owner.eq(replica),
                        exports::status.eq("running"),
                        exports::total.eq(total),
                        exports::created_at.eq(now),
                        exports::expires_at.eq(Time(now.0 + lifetime)),
                    ))
                    .execute(connection)?;
                audit::store(connection, &event)?;
                exports::table.find(id).select(columns(now)).first(connection)
            })
        };
        let written = Export::try_from(self.writer.write(work).await?).map_err(Unexpected::new)?;
        // Its process may not have taken its lease yet; it lives, for it asks.
        let state = ExportState::Running;
        Ok(if written.id == export.id {
            ExportBegun::Begun(Export { state, ..written })
        } else {
            ExportBegun::Running(written)
        })
    }

    async fn append(&self, id: ExportId, replica: ReplicaId, chunk: Chunk) -> Result<bool, Unexpected> {
        let (id, replica) = (Id(id.as_uuid()), Id(replica.as_uuid()));
        let number = i32::try_from(chunk.number).map_err(Unexpected::new)?;
        let progress = (
            exports::done.eq(stored_count(chunk.progress.done)),
            exports::total.eq(stored_count(chunk.progress.total)),
        );
        let now = Time(self.clock.now());
        let append = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let written = exports::table
                    .find(id)
                    .filter(exports::owner.eq(replica))
                    .filter(exports::status.eq("running"))
                    .filter(exports::expires_at.gt(now));
                if diesel::update(written).set(progress).execute(connection)? == 0 {
                    return Ok(false);
                }
                diesel::insert_into(export_chunks::table)
                    .values((
                        export_chunks::export_id.eq(id),
                        export_chunks::number.eq(number),
                        export_chunks::content.eq(&chunk.content),
                    ))
                    .on_conflict_do_nothing()
                    .execute(connection)?;
                Ok(true)
            })
        };
        Ok(self.writer.write(append).await?)
    }

    async fn end(
        &self,
        id: ExportId,
        replica: ReplicaId,
        state: ExportState,
        progress: Progress,
    ) -> Result<(), Unexpected> {
        let size = match state {
            ExportState::Completed { size_bytes } => Some(stored_count(size_bytes)),
            ExportState::Running | ExportState::Failed => None,
        };
        let end = move |connection: &mut SqliteConnection| {
            let written = exports::table
                .find(Id(id.as_uuid()))
                .filter(exports::owner.eq(Id(replica.as_uuid())))
                .filter(exports::status.eq("running"));
            diesel::update(written)
                .set((
                    exports::status.eq(state.as_str()),
                    exports::size_bytes.eq(size),
                    exports::done.eq(stored_count(progress.done)),
                    exports::total.eq(stored_count(progress.total)),
                ))
                .execute(connection)
        };
        self.writer.write(end).await?;
        Ok(())
    }

    async fn find(&self, owner: UserId, id: ExportId) -> Result<Option<Export>, Unexpected> {
        let now = Time(self.clock.now());
        let find = move |connection: &mut SqliteConnection| {
            let own = exports::table.find(Id(id.as_uuid())).filter(exports::user_id.eq(Id(owner.as_uuid())));
            own.filter(exports::expires_at.gt(now)).select(columns(now)).first::<ExportRow>(connection).optional()
        };
        self.readers.run(find).await?.map(Export::try_from).transpose().map_err(Unexpected::new)
    }

    async fn list(&self, owner: UserId, request: PageRequest<ExportId>) -> Result<Page<Export>, ListError> {
        let owner = Id(owner.as_uuid());
        let now = Time(self.clock.now());
        let find = move |connection: &mut SqliteConnection| {
            let own = exports::table.filter(exports::user_id.eq(owner));
            let query = keyset!(
                own.filter(exports::expires_at.gt(now)).select(columns(now)),
                request,
                connection,
                cursor = own,
                time = exports::created_at,
                id = exports::id
            );
            query.load::<ExportRow>(connection).map(Some)
        };
        page(self.readers.run(find).await, request.limit, Export::try_from)
    }

    async fn chunk(&self, owner: UserId, id: ExportId, number: u32) -> Result<Option<Vec<u8>>, Unexpected> {
        let number = i32::try_from(number).map_err(Unexpected::new)?;
        let now = Time(self.clock.now());
        let find = move |connection: &mut SqliteConnection| {
            let own = exports::table
                .find(Id(id.as_uuid()))
                .filter(exports::user_id.eq(Id(owner.as_uuid())))
                .filter(exports::status.eq("completed"))
                .filter(exports::expires_at.gt(now));
            own.inner_join(export_chunks::table)
                .filter(export_chunks::number.eq(number))
                .select(export_chunks::content)
                .first::<Vec<u8>>(connection)
                .optional()
        };
        Ok(self.readers.run(find).await?)
    }

    async fn purge(&self, limit: u32) -> Result<u32, Unexpected> {
        let now = Time(self.clock.now());
        let purge = move |connection: &mut SqliteConnection| {
            let is_over = exports::expires_at.le(now).or(exports::status.eq("failed"));
            let chunks = export_chunks::table
                .filter(export_chunks::export_id.eq_any(exports::table.filter(is_over).select(exports::id)))
                .select((export_chunks::export_id, export_chunks::number))
                .limit(i64::from(limit));
            let chunks: Vec<(Id, i32)> = chunks.load(connection)?;
            for (export, number) in &chunks {
                diesel::delete(export_chunks::table.find((export, number))).execute(connection)?;
            }
            if !chunks.is_empty() {
                return Ok(chunks.len());
            }
            let has_chunks = exists(export_chunks::table.filter(export_chunks::export_id.eq(exports::id)));
            let empty = exports::table.filter(exports::expires_at.le(now)).filter(not(has_chunks));
            Ok(delete_some!(connection, exports, id: Id, empty, limit))
        };
        Ok(u32::try_from(self.writer.write(purge).await?).unwrap_or(u32::MAX))
    }
}

/// Whether the process that writes an export holds a lease.
#[auto_type(no_type_alias)]
fn is_attended(now: Time) -> _ {
    exports::owner.eq_any(replicas::table.filter(replicas::lease_until.gt(now)).select(replicas::id))
}

#[auto_type(no_type_alias)]
fn columns(now: Time) -> _ {
    let alive = replicas::table.filter(replicas::lease_until.gt(now)).select(replicas::id);
    (
        exports::id,
        exports::status,
        exports::done,
        exports::total,
        exports::size_bytes,
        exports::created_at,
        exports::expires_at,
        exports::owner.eq_any(alive),
    )
}
