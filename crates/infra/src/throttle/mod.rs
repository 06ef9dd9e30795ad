//! What callers have used up, counted in this process: each replica admits as much again.

mod accounts;
mod attempts;
mod refusals;
mod streams;

pub use accounts::AccountThrottle;
pub use attempts::{AttemptLimiter, AttemptLimits};
pub use refusals::CountedRefusals;
pub use streams::StreamCounts;

/// Who is refused is nobody's business but the caller's: the limit's name is all that is measured.
fn refused(limit: &'static str) {
    metrics::counter!("colloquy_throttled_total", "limit" => limit).increment(1);
}
