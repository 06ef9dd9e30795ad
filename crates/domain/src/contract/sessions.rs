//! [`crate::session::SessionRepository`].

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::TimeDelta;

use super::StoreUnderTest;
use super::fixtures::{new_id, new_user, open_session};
use crate::id::SessionId;
use crate::session::{Client, EndReason, NewSession, Session, SessionState};
use crate::user::{NewUser, Role};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An open session is live and says whose it is and what they may do.
pub async fn an_open_session_is_live(store: StoreUnderTest) {
    for role in [Role::User, Role::Admin] {
        let user = NewUser { role, ..new_user() };
        store.users.create(user.clone()).await.expect("a user can be created");
        let client = Client::new(Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), Some("curl/8 (päivä; 'x')"));
        let id = SessionId::from_uuid(new_id());
        let session = NewSession { id, user_id: user.id, client, lifetime: HOUR };
        store.sessions.open(session).await.expect("a session can be opened");

        let found = find(&store, id).await;
        assert_eq!((found.id, found.user_id), (id, user.id));
        assert_eq!((found.username, found.role), (user.username, role), "the user's name and role come with it");
        assert!(found.user_is_active, "a new user is active");
        assert_eq!(found.state, SessionState::Live);
    }
}

/// The moment a session is opened is its user's last login, and nobody else's.
pub async fn opening_a_session_notes_the_login(store: StoreUnderTest) {
    let (user, bystander) = (new_user(), new_user());
    for user in [&user, &bystander] {
        store.users.create(user.clone()).await.expect("a user can be created");
    }
    let last_login = async |id| {
        let found = store.users.find(id).await.expect("users can be looked up");
        found.expect("the user should be found").last_login
    };
    assert_eq!(last_login(user.id).await, None, "nobody has logged in yet");
    open_session(&store, user.id, HOUR).await;
    assert!(last_login(user.id).await.is_some(), "the login should be noted");
    assert_eq!(last_login(bystander.id).await, None, "it was another's login");
}

/// A session whose lifetime is nothing is over at once.
pub async fn a_session_without_time_is_expired(store: StoreUnderTest) {
    let user = new_user();
    store.users.create(user.clone()).await.expect("a user can be created");
    let id = open_session(&store, user.id, Duration::ZERO).await;
    assert_eq!(find(&store, id).await.state, SessionState::Expired);
}

/// A session expires its lifetime after it was opened.
pub async fn a_longer_session_expires_later(store: StoreUnderTest) {
    let user = new_user();
    store.users.create(user.clone()).await.expect("a user can be created");
    let short = open_session(&store, user.id, HOUR).await;
    let long = open_session(&store, user.id, 24 * HOUR).await;
    let between = find(&store, long).await.expires_at - find(&store, short).await.expires_at;
    assert!(between >= TimeDelta::hours(23), "a day should end 23 hours after an hour, not {between}");
    assert!(between < TimeDelta::hours(24), "a day should end 23 hours after an hour, not {between}");
}

/// A session that was seen live and then ended is live no longer; its user's others are.
pub async fn an_ended_session_is_not_live(store: StoreUnderTest) {
    let user = new_user();
    store.users.create(user.clone()).await.expect("a user can be created");
    let ended = open_session(&store, user.id, HOUR).await;
    let other = open_session(&store, user.id, HOUR).await;
    assert_eq!(find(&store, ended).await.state, SessionState::Live);
    store.sessions.end(ended, EndReason::Logout).await.expect("a session can be ended");
    assert_eq!(find(&store, ended).await.state, SessionState::Ended);
    assert_eq!(find(&store, other).await.state, SessionState::Live, "it was another session");
}

/// Ending a session twice, an expired one, or none, is no error.
pub async fn ending_what_is_over_or_never_was_is_no_error(store: StoreUnderTest) {
    let user = new_user();
    store.users.create(user.clone()).await.expect("a user can be created");
    let ended = open_session(&store, user.id, HOUR).await;
    let expired = open_session(&store, user.id, Duration::ZERO).await;
    let unknown = SessionId::from_uuid(new_id());
    for session in [ended, ended, expired, unknown] {
        store.sessions.end(session, EndReason::Logout).await.expect("what is over is left alone");
    }
    assert_eq!(find(&store, ended).await.state, SessionState::Ended);
    assert_ne!(find(&store, expired).await.state, SessionState::Live);
    assert!(store.sessions.find(unknown).await.expect("sessions can be looked up").is_none());
}

async fn find(store: &StoreUnderTest, id: SessionId) -> Session {
    store.sessions.find(id).await.expect("sessions can be looked up").expect("the session should be found")
}
