use async_trait::async_trait;

use super::{EndReason, NewSession, Session};
use crate::Unexpected;
use crate::id::SessionId;

/// Port: sessions at rest. Every method is atomic. Times are the store's own clock, so that replicas whose
/// clocks differ agree on when a session is over.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Opens a session and notes the moment as its user's last login.
    async fn open(&self, session: NewSession) -> Result<(), Unexpected>;

    /// The session, whatever its state, with what its user may do at this moment.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected>;

    /// Ends a session. One that is over already, or never was, is left alone, and that is no error.
    ///
    /// Once this has returned, `find` MUST NOT call the session live, through whatever cache.
    async fn end(&self, id: SessionId, reason: EndReason) -> Result<(), Unexpected>;
}
