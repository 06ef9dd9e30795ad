//! Deleting an account with all that belonged to it. Only the audit log keeps its bare id.
//!
//! An account may have millions of turns, so it goes in steps: first nobody can use it any more, in one transaction; then
//! its rows go in small batches, and it goes itself with the last of them. Whatever a process leaves undone is gone on with
//! by [`crate::housekeeping`], here or elsewhere.

mod repository;
mod service;

pub use repository::{Begun, Erased, ErasureRepository, Stage, Step};
pub use service::{EraseError, Erasure, ErasureService};

#[cfg(feature = "mock")]
pub use repository::MockErasureRepository;
