use std::time::Duration;

use async_trait::async_trait;

use super::{EndReason, NewSession, Session, SessionEntry, TokenHash};
use crate::Unexpected;
use crate::audit::NewAuditEvent;
use crate::id::{SessionId, UserId};
use crate::page::{ListError, Page, PageRequest};

/// A refresh token that is to be exchanged for the next one.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The token that came.
    pub presented: TokenHash,
    /// The one that follows it.
    pub successor: TokenHash,
    /// How long a token that was exchanged may come again, as long as the one that followed it has not.
    pub grace: Duration,
    /// What is written down if it came too late; the store fills in whose session it was.
    pub reuse: NewAuditEvent,
}

/// What came of a refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// The successor is what counts from now on: either it took the place of the token just now, or it had a moment ago.
    Rotated(Session),
    /// The token had been used before: the session that it belonged to has been ended.
    Reused(SessionId),
    /// There is no such token, or its session is over.
    Refused,
}

/// What is known of a refresh token.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The session it belongs to.
    pub session: Session,
    /// Whether it is the one that counts, and not one that was exchanged.
    pub is_current: bool,
}

/// Port: sessions at rest. Every method is atomic, and stores the event that comes with it if it changed anything.
/// Times are the store's own clock, so that replicas whose clocks differ agree on when a session is over.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Opens a session and notes the moment as its user's last login.
    async fn open(&self, session: NewSession, event: NewAuditEvent) -> Result<(), Unexpected>;

    /// The session, whatever its state, with what its user may do at this moment.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected>;

    /// The session of that cookie, whatever its state.
    async fn find_by_cookie(&self, cookie: TokenHash) -> Result<Option<SessionId>, Unexpected>;

    /// The session of that refresh token.
    async fn find_refresh(&self, token: TokenHash) -> Result<Option<RefreshToken>, Unexpected>;

    /// Notes that a live session is being used.
    async fn touch(&self, id: SessionId) -> Result<(), Unexpected>;

    /// Notes that the session's user gave the password just now.
    async fn confirm(&self, id: SessionId, event: NewAuditEvent) -> Result<(), Unexpected>;

    /// Exchanges a refresh token (RFC 9700 §4.14.2).
    ///
    /// - Callers that come with one token at the same time MUST all get [`Rotation::Rotated`], as MUST those that come
    ///   within the grace while the successor has not been used; an exchange counts as use of the session.
    /// - A token that was exchanged before MUST otherwise end its session: nothing of it may be used afterwards, through
    ///   whatever cache.
    async fn rotate(&self, exchange: Exchange) -> Result<Rotation, Unexpected>;

    /// Ends a session of that user. `false` if it is over already, never was, or is somebody else's.
    ///
    /// Once this has returned, `find` MUST NOT call the session live, through whatever cache.
    async fn end(
        &self,
        owner: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<bool, Unexpected>;

    /// Ends every session of that user but `keep`, and returns those that were live. `find` MUST NOT call them live
    /// afterwards.
    async fn end_all(
        &self,
        owner: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<Vec<SessionId>, Unexpected>;

    /// The live sessions of a user, by time of their opening.
    async fn list(&self, owner: UserId, page: PageRequest<SessionId>) -> Result<Page<SessionEntry>, ListError>;
}
