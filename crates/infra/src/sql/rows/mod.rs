//! Rows as both stores keep them, and what they mean to the domain.

mod conversation;
mod session;
mod turn;
mod user;

pub(crate) use conversation::{ConversationRow, NewConversationRow, time_to_live};
pub(crate) use session::SessionRow;
pub(crate) use turn::{FinishedRow, PastTurnRow, TurnRow, turn_columns};
pub(crate) use user::{NewUserRow, UserRow};
