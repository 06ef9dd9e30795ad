//! What goes when its time is over, and what a process that died left undone.

mod repository;
mod service;

pub use repository::RetentionRepository;
pub use service::{Chore, HousekeepingPorts, HousekeepingService};

#[cfg(feature = "mock")]
pub use repository::MockRetentionRepository;
