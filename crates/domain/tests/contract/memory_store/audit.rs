use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::audit::{AuditEvent, AuditFilter, AuditLog, NewAuditEvent};
use domain::id::AuditEventId;
use domain::page::{ListError, Page, PageRequest};
use domain::session::Client;

use super::{MemoryStore, Rows, page_of};

impl Rows {
    pub(super) fn record(&mut self, event: NewAuditEvent) {
        self.events.entry(event.id).or_insert(row(event, 1));
    }
}

fn row(event: NewAuditEvent, count: u32) -> AuditEvent {
    let NewAuditEvent { id, at, kind, origin, subject, object, detail } = event;
    AuditEvent { id, at, kind, origin, subject, object, detail, count }
}

#[async_trait]
impl AuditLog for MemoryStore {
    async fn record(&self, event: NewAuditEvent) -> Result<(), Unexpected> {
        self.rows().record(event);
        Ok(())
    }

    async fn count(&self, event: NewAuditEvent, times: u32) -> Result<(), Unexpected> {
        let mut rows = self.rows();
        rows.events.entry(event.id).and_modify(|row| row.count += times).or_insert(row(event, times));
        Ok(())
    }

    async fn list(&self, filter: AuditFilter, page: PageRequest<AuditEventId>) -> Result<Page<AuditEvent>, ListError> {
        let is_wanted = |event: &AuditEvent| {
            filter.kind.is_none_or(|kind| kind == event.kind)
                && filter.actor.is_none_or(|actor| Some(actor) == event.origin.actor)
                && filter.subject.is_none_or(|subject| Some(subject) == event.subject)
                && filter.since.is_none_or(|since| event.at >= since)
                && filter.until.is_none_or(|until| event.at < until)
        };
        let events = self.rows().events.values().cloned().collect();
        page_of(events, page, |event: &AuditEvent| event.id, |event| (event.at, event.id), is_wanted)
    }

    async fn forget_clients(&self, then: DateTime<Utc>, limit: u32) -> Result<u32, Unexpected> {
        let mut rows = self.rows();
        let has_client = |event: &&mut AuditEvent| event.at < then && event.origin.client != Client::default();
        let old = rows.events.values_mut().filter(has_client).take(limit.try_into().expect("a small number"));
        let forgotten = old.map(|event| event.origin.client = Client::default()).count();
        Ok(forgotten.try_into().expect("no more than the limit"))
    }
}
