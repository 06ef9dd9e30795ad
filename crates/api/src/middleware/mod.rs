//! The layers around the routes. [`crate::app`] puts them together.

mod envelope;
mod identify;
mod limits;
mod measure;
mod panics;
mod span;

pub use envelope::envelope;
pub use identify::{RequestId, identify};
pub use limits::{ToldLimiter, tell_limits};
pub use measure::measure;
pub(crate) use panics::survive_panic;
pub use span::RequestSpan;
