use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::access::CredentialId;
use domain::session::CredentialWatch;
use futures_core::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// The sessions and keys with which something is open here, and who wants to know when they are over.
///
/// What ends here is told at once; the rest comes with the heartbeat, which asks the store for all of them together.
#[derive(Clone, Default)]
pub struct WatchedCredentials {
    watched: Arc<Mutex<HashMap<CredentialId, Watched>>>,
}

#[derive(Default)]
struct Watched {
    watchers: usize,
    over: CancellationToken,
}

impl WatchedCredentials {
    /// Every credential that somebody watches.
    pub(super) fn ids(&self) -> Vec<CredentialId> {
        self.watched().keys().copied().collect()
    }

    /// The credential is over.
    pub(crate) fn end(&self, credential: CredentialId) {
        if let Some(watched) = self.watched().get(&credential) {
            watched.over.cancel();
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<CredentialId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialWatch for WatchedCredentials {
    fn ended(&self, credential: CredentialId) -> BoxFuture<'static, ()> {
        let mut watched = self.watched();
        let entry = watched.entry(credential).or_default();
        entry.watchers += 1;
        let over = entry.over.clone();
        drop(watched);
        let watch = Watch { credentials: self.clone(), credential };
        Box::pin(async move {
            let _watch = watch;
            over.cancelled().await;
        })
    }
}

/// One watch, which ends when it is dropped.
struct Watch {
    credentials: WatchedCredentials,
    credential: CredentialId,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.credentials.watched();
        if let Some(entry) = watched.get_mut(&self.credential) {
            entry.watchers -= 1;
            if entry.watchers == 0 {
                watched.remove(&self.credential);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::id::{ApiKeyId, SessionId};
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn session(n: u128) -> CredentialId {
        CredentialId::Session(SessionId::from_uuid(Uuid::from_u128(n)))
    }

    #[test]
    fn what_ends_here_is_told_at_once_to_all_who_watch_it() {
        let watched = WatchedCredentials::default();
        let key = CredentialId::ApiKey(ApiKeyId::from_uuid(Uuid::from_u128(1)));
        let (one, two) = (watched.ended(session(1)), watched.ended(session(1)));
        let (mut other, mut of_key) = (watched.ended(session(2)), watched.ended(key));
        watched.end(session(1));
        one.now_or_never().unwrap();
        two.now_or_never().unwrap();
        assert!((&mut other).now_or_never().is_none());
        assert!((&mut of_key).now_or_never().is_none(), "a key is no session, whatever its id");
        drop(of_key);
        assert_eq!(watched.ids(), [session(2)], "nobody watches what is over");
    }
}
