//! Rows as both stores keep them, and what they mean to the domain.

mod api_key;
mod audit;
mod conversation;
mod piece;
mod session;
mod signing_key;
mod turn;
mod usage;
mod user;

pub(crate) use api_key::{ApiKeyRow, FoundApiKeyRow, NewApiKeyRow};
pub(crate) use audit::{AuditRow, NewAuditRow, audit_values};
pub(crate) use conversation::{ConversationRow, NewConversationRow, time_to_live};
pub(crate) use piece::{OrphanRow, PieceRow, close_orphans, course, storable};
pub(crate) use session::{NewSessionRow, SessionEntryRow, SessionRow};
pub(crate) use signing_key::{SigningKeyRow, retirement};
pub(crate) use turn::{FinishedRow, PastTurnRow, TurnRow, turn_columns, turn_metadata};
pub(crate) use usage::UsageRow;
pub(crate) use user::{NewUserRow, UserRow};
