//! Rows as both stores keep them, and what they mean to the domain.

mod api_key;
mod audit;
mod conversation;
mod erasure;
mod export;
mod piece;
mod record;
mod session;
mod signing_key;
mod turn;
mod usage;
mod user;

pub(crate) use api_key::{ApiKeyRow, FoundApiKeyRow, NewApiKeyRow};
pub(crate) use audit::{AuditRow, NewAuditRow, audit_values};
pub(crate) use conversation::{ConversationRow, NewConversationRow, time_to_live};
pub(crate) use erasure::ErasedRow;
pub(crate) use export::ExportRow;
pub(crate) use piece::{OrphanRow, PieceRow, close_orphans, course, storable};
pub(crate) use record::{KeyRecordRow, SessionRecordRow};
pub(crate) use session::{NewSessionRow, SessionEntryRow, SessionRow};
pub(crate) use signing_key::{SigningKeyRow, retirement};
pub(crate) use turn::{FinishedRow, PastTurnRow, TurnRow, turn_columns, turn_metadata};
pub(crate) use usage::UsageRow;
pub(crate) use user::{NewUserRow, UserRow};
