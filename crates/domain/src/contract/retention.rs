//! [`crate::housekeeping::RetentionRepository`].

use std::time::Duration;

use super::StoreUnderTest;
use super::fixtures::{HOUR, create_key, create_user, event, new_key, open_session};
use crate::api_key::NewApiKey;
use crate::audit::AuditKind;
use crate::session::EndReason;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Keys that are long over go, and no other.
pub async fn keys_go_when_they_are_long_over(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    // No other case has anything so old.
    let long_ago = chrono::DateTime::from_timestamp(86_400, 0).expect("a moment that chrono knows");
    let old = NewApiKey { expires_at: long_ago, ..new_key(user) };
    let (good, expired) = (new_key(user), NewApiKey { expires_at: super::fixtures::at(1), ..new_key(user) });
    for key in [&old, &good, &expired] {
        create_key(&store, key).await;
    }
    let purged = async || store.retention.purge_api_keys(YEAR * 40, 100).await.expect("keys can be purged");
    assert!(purged().await >= 1);
    assert_eq!(purged().await, 0, "nothing is left to do");
    for (key, stays) in [(old, false), (good, true), (expired, true)] {
        assert_eq!(store.keys.find(key.id).await.expect("keys can be looked up").is_some(), stays);
    }
}

/// A session that has just ended, or has just expired, is kept.
pub async fn sessions_are_kept_for_a_while(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    let (ended, expired) = (open_session(&store, user, HOUR).await, open_session(&store, user, Duration::ZERO).await);
    let logout = event(AuditKind::Logout).about(user);
    store.sessions.end(user, ended, EndReason::Logout, logout).await.expect("a session can be ended");
    store.retention.purge_sessions(HOUR, 100).await.expect("sessions can be purged");
    for id in [ended, expired] {
        assert!(store.sessions.find(id).await.expect("sessions can be looked up").is_some());
    }
}
