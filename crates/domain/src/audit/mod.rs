//! The audit log: who did what to whom, when and from where. Rows are only ever added; they hold bare ids, so that the
//! trail stays when an account goes.

mod event;
mod log;
mod service;
mod trail;

pub use event::{AuditEvent, AuditKind, InvalidAuditKind, NewAuditEvent, Origin};
pub use log::{AuditFilter, AuditLog};
pub use service::AuditService;
pub use trail::AuditTrail;

#[cfg(feature = "mock")]
pub use log::MockAuditLog;
