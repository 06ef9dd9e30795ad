use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{AuditEvent, AuditKind, NewAuditEvent};
use crate::Unexpected;
use crate::id::{AuditEventId, UserId};
use crate::page::{ListError, Page, PageRequest};

/// Which events are wanted. What is not said does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of that kind.
    pub kind: Option<AuditKind>,
    /// Done by that user.
    pub actor: Option<UserId>,
    /// Done to that user.
    pub subject: Option<UserId>,
    /// Then or later.
    pub since: Option<DateTime<Utc>>,
    /// Before then.
    pub until: Option<DateTime<Utc>>,
}

/// Port: the audit log at rest. Nothing in it is ever changed or taken out, but for the two purges below.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Stores an event that comes with no change of its own. Those that do are stored by the change's own port.
    async fn record(&self, event: NewAuditEvent) -> Result<(), Unexpected>;

    /// Adds `times` to the row of that id, which is made if it is not there.
    async fn count(&self, event: NewAuditEvent, times: u32) -> Result<(), Unexpected>;

    /// Events by time.
    async fn list(&self, filter: AuditFilter, page: PageRequest<AuditEventId>) -> Result<Page<AuditEvent>, ListError>;

    /// Forgets the addresses and agents of events before `then`, at most `limit` of them. Returns how many there were.
    async fn forget_clients(&self, then: DateTime<Utc>, limit: u32) -> Result<u32, Unexpected>;
}
