use std::sync::Arc;

use super::{AuditKind, AuditLog, NewAuditEvent, Origin};
use crate::Unexpected;
use crate::clock::Clock;
use crate::id::{AuditEventId, IdGenerator};

/// Makes audit events, and stores those that come with no change of their own.
#[derive(Clone)]
pub struct AuditTrail {
    log: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl AuditTrail {
    /// A trail over these ports.
    pub fn new(log: Arc<dyn AuditLog>, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { log, clock, ids }
    }

    /// Something that happens now.
    pub fn event(&self, kind: AuditKind, origin: &Origin) -> NewAuditEvent {
        NewAuditEvent {
            id: AuditEventId::generate(&*self.ids),
            at: self.clock.now(),
            kind,
            origin: origin.clone(),
            subject: None,
            object: None,
            detail: None,
        }
    }

    /// Stores it.
    pub async fn record(&self, event: NewAuditEvent) -> Result<(), Unexpected> {
        self.log.record(event).await
    }

    /// Counts it in the row of its id.
    pub async fn count(&self, event: NewAuditEvent, times: u32) -> Result<(), Unexpected> {
        self.log.count(event, times).await
    }
}
