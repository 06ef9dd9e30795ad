//! The layers around the routes. [`crate::app`] puts them together.

mod envelope;
mod identify;
mod panics;
mod span;

pub use envelope::envelope;
pub use identify::{RequestId, identify};
pub(crate) use panics::survive_panic;
pub use span::RequestSpan;
