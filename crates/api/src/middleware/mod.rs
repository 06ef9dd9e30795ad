//! The layers around the routes. [`crate::app`] puts them together.

mod cors;
mod envelope;
mod hardening;
mod identify;
mod limits;
mod measure;
mod panics;
mod span;

pub use cors::cors;
pub use envelope::envelope;
pub use identify::{RequestId, identify};
pub use limits::{ToldLimiter, tell_limits};
pub use measure::measure;
pub(crate) use panics::survive_panic;
pub use span::RequestSpan;
