use futures_core::future::BoxFuture;

use crate::id::SessionId;

/// Port: being told when a session is over, for whatever was opened in it and stays open.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait SessionWatch: Send + Sync {
    /// Resolves once the session has ended, has expired, or its user may do nothing any more: at once if that happens
    /// in this process, within about a second otherwise. Dropping it ends the watch.
    fn ended(&self, session: SessionId) -> BoxFuture<'static, ()>;
}
