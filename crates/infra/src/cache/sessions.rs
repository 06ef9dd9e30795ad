use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::audit::NewAuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Page, PageRequest};
use domain::session::{
    EndReason, Exchange, NewSession, RefreshToken, Rotation, Session, SessionEntry, SessionRepository, TokenHash,
};
use moka::sync::Cache;

use super::{CAPACITY, Revocations};

/// How long it is remembered which session a cookie belongs to, which never changes, after it was last asked.
const COOKIE_IDLE: Duration = Duration::from_secs(600);

/// A session repository in front of another, which it asks at most once per session and moment.
///
/// What ends here is known to have ended at once; what ends on another replica, or by itself, is noticed when
/// the moment is over. Only live sessions are remembered.
pub struct CachedSessions {
    inner: Arc<dyn SessionRepository>,
    live: Cache<SessionId, Session>,
    cookies: Cache<TokenHash, SessionId>,
    revocations: Revocations,
}

impl CachedSessions {
    /// Remembers what `inner` says for so long.
    pub fn new(inner: Arc<dyn SessionRepository>, moment: Duration, revocations: Revocations) -> Self {
        let live = Cache::builder().max_capacity(CAPACITY).time_to_live(moment).build();
        let cookies = Cache::builder().max_capacity(CAPACITY).time_to_idle(COOKIE_IDLE).build();
        Self { inner, live, cookies, revocations }
    }

    fn over(&self, session: SessionId) {
        self.revocations.over(CredentialId::Session(session));
    }
}

#[async_trait]
impl SessionRepository for CachedSessions {
    async fn open(&self, session: NewSession, event: NewAuditEvent) -> Result<(), Unexpected> {
        self.inner.open(session, event).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        if let Some(session) = self.live.get(&id)
            && self.revocations.is_trusted(CredentialId::Session(id), session.user_id)
        {
            return Ok(Some(session));
        }
        let found = self.inner.find(id).await?;
        if let Some(session) = found.as_ref().filter(|session| session.is_usable()) {
            // Whoever asked for it just now notes that it is used.
            self.live.insert(id, Session { needs_touch: false, ..session.clone() });
        }
        Ok(found)
    }

    async fn find_by_cookie(&self, cookie: TokenHash) -> Result<Option<SessionId>, Unexpected> {
        if let Some(session) = self.cookies.get(&cookie) {
            return Ok(Some(session));
        }
        let found = self.inner.find_by_cookie(cookie).await?;
        if let Some(session) = found {
            self.cookies.insert(cookie, session);
        }
        Ok(found)
    }

    async fn find_refresh(&self, token: TokenHash) -> Result<Option<RefreshToken>, Unexpected> {
        self.inner.find_refresh(token).await
    }

    async fn touch(&self, id: SessionId) -> Result<(), Unexpected> {
        self.inner.touch(id).await
    }

    async fn confirm(&self, id: SessionId, event: NewAuditEvent) -> Result<(), Unexpected> {
        self.inner.confirm(id, event).await?;
        self.live.invalidate(&id);
        Ok(())
    }

    async fn rotate(&self, exchange: Exchange) -> Result<Rotation, Unexpected> {
        let rotation = self.inner.rotate(exchange).await?;
        if let Rotation::Reused(session) = rotation {
            self.over(session);
        }
        Ok(rotation)
    }

    async fn end(
        &self,
        owner: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<bool, Unexpected> {
        let ended = self.inner.end(owner, id, reason, event).await;
        match ended {
            Ok(true) => self.over(id),
            // It may have ended elsewhere a moment ago, or here, and the answer was lost.
            Ok(false) | Err(_) => self.revocations.doubt(CredentialId::Session(id)),
        }
        ended
    }

    async fn end_all(
        &self,
        owner: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<Vec<SessionId>, Unexpected> {
        let ended = self.inner.end_all(owner, keep, reason, event).await;
        self.revocations.changed(owner);
        for session in ended.iter().flatten() {
            self.over(*session);
        }
        ended
    }

    async fn list(&self, owner: UserId, page: PageRequest<SessionId>) -> Result<Page<SessionEntry>, ListError> {
        self.inner.list(owner, page).await
    }
}
