//! Decorators of repositories that remember for a moment what they were told, so that a request need not ask the
//! store who is talking.

mod erasures;
mod keys;
mod revocations;
mod sessions;
#[cfg(test)]
mod tests;
mod usage;
mod users;

pub use erasures::AnnouncedErasures;
pub use keys::CachedKeys;
pub use revocations::Revocations;
pub use sessions::CachedSessions;
pub use usage::CachedUsage;
pub use users::CachedUsers;

/// The most rows that are remembered of a kind.
const CAPACITY: u64 = 100_000;
