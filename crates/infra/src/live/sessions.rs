use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::Unexpected;
use domain::id::SessionId;
use domain::session::{EndReason, NewSession, Session, SessionRepository, SessionWatch};
use futures_core::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// The sessions in which something is open here, and who wants to know when they are over.
///
/// What ends here is told at once; the rest comes with the heartbeat, which asks the store for all of them together.
#[derive(Clone, Default)]
pub struct WatchedSessions {
    watched: Arc<Mutex<HashMap<SessionId, Watched>>>,
}

#[derive(Default)]
struct Watched {
    watchers: usize,
    over: CancellationToken,
}

impl WatchedSessions {
    /// Every session that somebody watches.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.watched().keys().copied().collect()
    }

    /// The session is over.
    pub(super) fn end(&self, session: SessionId) {
        if let Some(watched) = self.watched().get(&session) {
            watched.over.cancel();
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<SessionId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionWatch for WatchedSessions {
    fn ended(&self, session: SessionId) -> BoxFuture<'static, ()> {
        let mut watched = self.watched();
        let entry = watched.entry(session).or_default();
        entry.watchers += 1;
        let over = entry.over.clone();
        drop(watched);
        let watch = Watch { sessions: self.clone(), session };
        Box::pin(async move {
            let _watch = watch;
            over.cancelled().await;
        })
    }
}

/// One watch, which ends when it is dropped.
struct Watch {
    sessions: WatchedSessions,
    session: SessionId,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.sessions.watched();
        if let Some(entry) = watched.get_mut(&self.session) {
            entry.watchers -= 1;
            if entry.watchers == 0 {
                watched.remove(&self.session);
            }
        }
    }
}

/// A session repository in front of another, which tells those who watch a session that it was ended here.
pub struct AnnouncedSessions {
    inner: Arc<dyn SessionRepository>,
    watched: WatchedSessions,
}

impl AnnouncedSessions {
    /// Tells `watched` of what ends in `inner`.
    pub fn new(inner: Arc<dyn SessionRepository>, watched: WatchedSessions) -> Self {
        Self { inner, watched }
    }
}

#[async_trait]
impl SessionRepository for AnnouncedSessions {
    async fn open(&self, session: NewSession) -> Result<(), Unexpected> {
        self.inner.open(session).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        self.inner.find(id).await
    }

    async fn end(&self, id: SessionId, reason: EndReason) -> Result<(), Unexpected> {
        self.inner.end(id, reason).await?;
        self.watched.end(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::session::MockSessionRepository;
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn what_ends_here_is_told_at_once_to_all_who_watch_it() {
        let watched = WatchedSessions::default();
        let mut inner = MockSessionRepository::new();
        inner.expect_end().times(1).returning(|_, _| Ok(()));
        let sessions = AnnouncedSessions::new(Arc::new(inner), watched.clone());
        let (one, two, mut other) = (watched.ended(id(1)), watched.ended(id(1)), watched.ended(id(2)));
        sessions.end(id(1), EndReason::Logout).await.unwrap();
        one.now_or_never().unwrap();
        two.now_or_never().unwrap();
        assert!((&mut other).now_or_never().is_none());
        assert_eq!(watched.ids(), [id(2)], "nobody watches what is over");
    }

    #[tokio::test]
    async fn a_session_that_could_not_be_ended_is_not_told() {
        let watched = WatchedSessions::default();
        let mut inner = MockSessionRepository::new();
        inner.expect_end().times(1).returning(|_, _| Err(Unexpected::unavailable("away")));
        let sessions = AnnouncedSessions::new(Arc::new(inner), watched.clone());
        let mut watch = watched.ended(id(1));
        assert!(sessions.end(id(1), EndReason::Logout).await.is_err());
        assert!((&mut watch).now_or_never().is_none());
        drop(watch);
        assert_eq!(watched.ids(), []);
    }
}
