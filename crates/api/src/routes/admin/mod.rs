//! Other people's accounts, and the audit log.

pub(crate) mod audit_events;
pub(crate) mod change_user;
pub(crate) mod create_user;
pub(crate) mod user_sessions;
pub(crate) mod users;
