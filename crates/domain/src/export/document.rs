use chrono::{DateTime, Utc};

use super::{KeyRecord, SessionRecord};
use crate::Unexpected;
use crate::audit::AuditEvent;
use crate::conversation::{Conversation, Turn};
use crate::usage::UsageRecord;
use crate::user::User;

/// A part of an export. They come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The sessions.
    Sessions,
    /// The API keys.
    ApiKeys,
    /// The conversations, without their turns.
    Conversations,
    /// The turns, conversation by conversation.
    Turns,
    /// What turns took, by day and model.
    Usage,
    /// What was written down about them, or done by them.
    AuditEvents,
}

/// Something in a part of an export.
#[derive(Clone, Debug)]
pub enum Record {
    /// In [`Section::Sessions`].
    Session(SessionRecord),
    /// In [`Section::ApiKeys`].
    ApiKey(KeyRecord),
    /// In [`Section::Conversations`].
    Conversation(Box<Conversation>),
    /// In [`Section::Turns`].
    Turn(Box<Turn>),
    /// In [`Section::Usage`].
    Usage(UsageRecord),
    /// In [`Section::AuditEvents`].
    AuditEvent(Box<AuditEvent>),
}

/// Port: how an export is written down.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ExportFormat: Send + Sync {
    /// Begins a document about that account.
    fn begin(&self, account: User, at: DateTime<Utc>) -> Result<Box<dyn ExportDocument>, Unexpected>;
}

/// A document that is being written.
pub trait ExportDocument: Send {
    /// Begins the next part.
    fn section(&mut self, section: Section);

    /// Adds a record to the part that was begun last.
    fn add(&mut self, record: Record) -> Result<(), Unexpected>;

    /// Ends the document.
    fn end(&mut self);

    /// What was written since this was last called, which the document forgets.
    fn take(&mut self) -> Vec<u8>;
}
