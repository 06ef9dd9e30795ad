//! What is sent. Each type is made from one of the domain's and is no row and no entity itself.

mod api_key;
mod audit_event;
mod conversation;
mod export;
mod list;
mod part;
mod session;
mod timestamp;
mod turn;
mod usage;
mod user;

pub(crate) use api_key::ApiKey;
pub(crate) use audit_event::AuditEvent;
pub(crate) use conversation::Conversation;
pub(crate) use export::Export;
pub(crate) use list::List;
pub(crate) use part::Part;
pub(crate) use session::Session;
pub(crate) use timestamp::Timestamp;
pub(crate) use turn::{AnswerFields, Turn, Usage};
pub(crate) use usage::{Models, UsageReport};
pub(crate) use user::User;
