//! The caller's own account.

pub(crate) mod api_keys;
pub(crate) mod change;
pub(crate) mod delete;
pub(crate) mod exports;
pub(crate) mod password;
pub(crate) mod read;
pub(crate) mod reauth;
pub(crate) mod sessions;
pub(crate) mod usage;

pub(crate) use change::change;
pub(crate) use delete::delete;
pub(crate) use password::change_password;
pub(crate) use read::me;
pub(crate) use reauth::reauth;
