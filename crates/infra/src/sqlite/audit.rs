use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::Unexpected;
use domain::audit::{AuditEvent, AuditFilter, AuditLog, NewAuditEvent};
use domain::id::AuditEventId;
use domain::page::{ListError, Order, Page, PageRequest};

use super::connection::Readers;
use super::schema::audit_events;
use super::writer::Writer;
use crate::sql::rows::{AuditRow, NewAuditRow, audit_values};
use crate::sql::values::{Id, Time};
use crate::sql::{keyset, page};

/// The audit log in SQLite.
pub(super) struct Audit {
    pub readers: Readers,
    pub writer: Writer,
}

/// Stores an event inside the caller's transaction; one that is stored already, as the acknowledgement was lost, stays.
pub(super) fn store(connection: &mut SqliteConnection, event: &NewAuditRow) -> QueryResult<()> {
    let values = audit_values!(audit_events, event);
    diesel::insert_into(audit_events::table).values(values).on_conflict_do_nothing().execute(connection).map(drop)
}

#[async_trait]
impl AuditLog for Audit {
    async fn record(&self, event: NewAuditEvent) -> Result<(), Unexpected> {
        let row = NewAuditRow::from(event);
        Ok(self.writer.write(move |connection| store(connection, &row)).await?)
    }

    async fn count(&self, event: NewAuditEvent, times: u32) -> Result<(), Unexpected> {
        let row = NewAuditRow::from(event);
        let times = i32::try_from(times).map_err(Unexpected::new)?;
        let count = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let more = audit_events::count.eq(audit_events::count + times);
                if diesel::update(audit_events::table.find(row.id)).set(more).execute(connection)? == 1 {
                    return Ok(1);
                }
                // The table ignores a second row of an id, and whatever an upsert would do about it.
                let values = (audit_values!(audit_events, row), audit_events::count.eq(times));
                diesel::insert_into(audit_events::table).values(values).execute(connection)
            })
        };
        self.writer.write(count).await?;
        Ok(())
    }

    async fn list(
        &self,
        filter: AuditFilter,
        request: PageRequest<AuditEventId>,
    ) -> Result<Page<AuditEvent>, ListError> {
        let find = move |connection: &mut SqliteConnection| {
            let mut query = keyset!(
                audit_events::table,
                request,
                connection,
                cursor = audit_events::table,
                time = audit_events::at,
                id = audit_events::id
            );
            if let Some(kind) = filter.kind {
                query = query.filter(audit_events::kind.eq(kind.as_str()));
            }
            if let Some(actor) = filter.actor {
                query = query.filter(audit_events::actor_id.eq(Id(actor.as_uuid())));
            }
            if let Some(subject) = filter.subject {
                query = query.filter(audit_events::subject_id.eq(Id(subject.as_uuid())));
            }
            if let Some(since) = filter.since {
                query = query.filter(audit_events::at.ge(Time(since)));
            }
            if let Some(until) = filter.until {
                query = query.filter(audit_events::at.lt(Time(until)));
            }
            query.load::<AuditRow>(connection).map(Some)
        };
        page(self.readers.run(find).await, request.limit, AuditEvent::try_from)
    }

    async fn forget_clients(&self, then: DateTime<Utc>, limit: u32) -> Result<u32, Unexpected> {
        let forget = move |connection: &mut SqliteConnection| {
            let has_client = audit_events::ip.is_not_null().or(audit_events::user_agent.is_not_null());
            let old = audit_events::table
                .filter(audit_events::at.lt(Time(then)))
                .filter(has_client)
                .limit(i64::from(limit))
                .select(audit_events::id);
            let old: Vec<Id> = old.load(connection)?;
            let forgotten = (audit_events::ip.eq(None::<String>), audit_events::user_agent.eq(None::<String>));
            diesel::update(audit_events::table.filter(audit_events::id.eq_any(old))).set(forgotten).execute(connection)
        };
        let forgotten = self.writer.write(forget).await?;
        Ok(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }
}
