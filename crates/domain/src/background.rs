//! Work that outlives the request that asked for it.

use futures_core::future::BoxFuture;

use crate::Unexpected;

/// Port: doing something while nobody waits for it.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Background: Send + Sync {
    /// Starts the work. An implementation MUST report a failure, under that name, and may drop the work when the process
    /// stops: whatever it leaves must be recognised as unfinished.
    fn start(&self, name: &'static str, work: BoxFuture<'static, Result<(), Unexpected>>);
}
