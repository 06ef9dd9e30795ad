use std::sync::Arc;

use super::{AuditEvent, AuditFilter, AuditLog};
use crate::id::AuditEventId;
use crate::page::{ListError, Page, PageRequest};

/// Use case: reading the audit log.
#[derive(Clone)]
pub struct AuditService {
    log: Arc<dyn AuditLog>,
}

impl AuditService {
    /// The use case over this port.
    pub fn new(log: Arc<dyn AuditLog>) -> Self {
        Self { log }
    }

    /// Events by time.
    pub async fn events(
        &self,
        filter: AuditFilter,
        page: PageRequest<AuditEventId>,
    ) -> Result<Page<AuditEvent>, ListError> {
        self.log.list(filter, page).await
    }
}
