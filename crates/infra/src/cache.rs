//! Sessions, remembered for a moment, so that a request need not ask the store who is talking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::id::SessionId;
use domain::session::{EndReason, NewSession, Session, SessionRepository, SessionState};
use moka::sync::Cache;

/// The most sessions that are remembered.
const CAPACITY: u64 = 100_000;

/// A session repository in front of another, which it asks at most once per session and moment.
///
/// What ends here is forgotten at once; what ends on another replica, or by itself, is noticed when the moment
/// is over. Only live sessions are remembered.
pub struct CachedSessions {
    inner: Arc<dyn SessionRepository>,
    remembered: Cache<SessionId, Session>,
    endings: AtomicU64,
}

impl CachedSessions {
    /// Remembers what `inner` says for so long.
    pub fn new(inner: Arc<dyn SessionRepository>, moment: Duration) -> Self {
        let remembered = Cache::builder().max_capacity(CAPACITY).time_to_live(moment).build();
        Self { inner, remembered, endings: AtomicU64::new(0) }
    }
}

#[async_trait]
impl SessionRepository for CachedSessions {
    async fn open(&self, session: NewSession) -> Result<(), Unexpected> {
        self.inner.open(session).await
    }

    /// A look-up that was under way while a session ended may have seen it live: what it found is forgotten.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        if let Some(session) = self.remembered.get(&id) {
            return Ok(Some(session));
        }
        let endings = self.endings.load(Ordering::SeqCst);
        let found = self.inner.find(id).await?;
        if let Some(session) = found.as_ref().filter(|session| session.state == SessionState::Live) {
            self.remembered.insert(id, session.clone());
            if self.endings.load(Ordering::SeqCst) != endings {
                self.remembered.invalidate(&id);
            }
        }
        Ok(found)
    }

    async fn end(&self, id: SessionId, reason: EndReason) -> Result<(), Unexpected> {
        let ended = self.inner.end(id, reason).await;
        self.endings.fetch_add(1, Ordering::SeqCst);
        self.remembered.invalidate(&id);
        ended
    }
}
