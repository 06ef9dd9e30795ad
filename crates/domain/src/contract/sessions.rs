//! [`crate::session::SessionRepository`]: sessions from their opening to their end.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{
    HOUR, assert_written, create, create_user, event, new_hash, new_id, new_session, new_user, open, open_session,
    page, the_only_admins,
};
use crate::audit::{AuditKind, NewAuditEvent};
use crate::id::{SessionId, UserId};
use crate::page::{ListError, Order};
use crate::session::{Client, EndReason, Lifetimes, NewSession, Session, SessionEntry, SessionState};
use crate::user::{NewUser, Role};

/// An open session is live and says whose it is and what they may do.
pub async fn an_open_session_is_live(store: StoreUnderTest) {
    let _admins = the_only_admins().await;
    for role in [Role::User, Role::Admin] {
        let user = NewUser { role, ..new_user() };
        create(&store, &user).await;
        let session = NewSession { client: client(), ..new_session(user.id) };
        open(&store, &session).await;

        let found = find(&store, session.id).await;
        assert_eq!((found.id, found.user_id), (session.id, user.id));
        assert_eq!((found.username, found.role), (user.username, role), "the user's name and role come with it");
        assert!(found.user_is_active, "a new user is active");
        assert_eq!(found.state, SessionState::Live);
        assert!(found.is_fresh, "its user gave the password just now");
        assert!(!found.needs_touch, "it was seen just now");
    }
}

/// The moment a session is opened is its user's last login, and nobody else's; it is written down.
pub async fn opening_a_session_notes_the_login(store: StoreUnderTest) {
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let last_login = async |id| {
        let found = store.users.find(id).await.expect("users can be looked up");
        found.expect("the user should be found").last_login
    };
    assert_eq!(last_login(user.id).await, None, "nobody has logged in yet");
    let event = event(AuditKind::LoginSucceeded).about(user.id);
    store.sessions.open(new_session(user.id), event.clone()).await.expect("a session can be opened");
    assert!(last_login(user.id).await.is_some(), "the login should be noted");
    assert_eq!(last_login(bystander.id).await, None, "it was another's login");
    assert_written(&store, user.id, &[&event]).await;
}

/// A session whose lifetime is nothing is over at once, and so is one that may not be idle at all.
pub async fn a_session_without_time_is_expired(store: StoreUnderTest) {
    let user = create_user(&store).await;
    for lifetimes in [
        Lifetimes { idle: HOUR, absolute: Duration::ZERO },
        Lifetimes { idle: Duration::ZERO, absolute: HOUR },
        Lifetimes { idle: Duration::ZERO, absolute: Duration::ZERO },
    ] {
        let session = NewSession { lifetimes, ..new_session(user.id) };
        open(&store, &session).await;
        assert_eq!(find(&store, session.id).await.state, SessionState::Expired, "{lifetimes:?}");
        store.sessions.touch(session.id).await.expect("what is over is left alone");
        assert_eq!(find(&store, session.id).await.state, SessionState::Expired, "{lifetimes:?}");
    }
}

/// A session expires its lifetime after it was opened.
pub async fn a_longer_session_expires_later(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let short = open_session(&store, user.id, HOUR).await;
    let long = open_session(&store, user.id, 24 * HOUR).await;
    let between = find(&store, long).await.expires_at - find(&store, short).await.expires_at;
    assert!(between >= TimeDelta::hours(23), "a day should end 23 hours after an hour, not {between}");
    assert!(between < TimeDelta::hours(24), "a day should end 23 hours after an hour, not {between}");
}

/// A session that is used is seen later, and idle later; its absolute end stays.
pub async fn a_session_that_is_used_goes_on(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let lifetimes = Lifetimes { idle: HOUR, absolute: 24 * HOUR };
    let [busy, quiet] = [(); 2].map(|()| NewSession { lifetimes, ..new_session(user.id) });
    for session in [&busy, &quiet] {
        open(&store, session).await;
    }
    let before = (entries(&store, user.id).await, find(&store, busy.id).await.expires_at);
    store.sessions.touch(busy.id).await.expect("a use can be noted");
    let after = (entries(&store, user.id).await, find(&store, busy.id).await.expires_at);
    let ([used_before, unused_before], [used_after, unused_after]) = (&before.0[..], &after.0[..]) else {
        panic!("two sessions should be listed: {before:?} {after:?}");
    };
    assert!(used_after.last_seen_at > used_before.last_seen_at, "it was seen later");
    assert!(used_after.expires_at > used_before.expires_at, "it is idle later");
    assert_eq!(used_after.created_at, used_before.created_at);
    assert_eq!(after.1, before.1, "its absolute end stays");
    assert_eq!(unused_after, unused_before, "it was another session");
}

/// Using what is over or never was is no error, and brings nothing back.
pub async fn what_is_over_is_not_used(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let ended = open_session(&store, user.id, HOUR).await;
    end(&store, user.id, ended).await;
    let unknown = SessionId::from_uuid(new_id());
    for id in [ended, unknown] {
        store.sessions.touch(id).await.expect("what is over is left alone");
    }
    assert_eq!(find(&store, ended).await.state, SessionState::Ended);
    assert!(store.sessions.find(unknown).await.expect("sessions can be looked up").is_none());
}

/// That the password was given again is written down, if there is a live session for which it was.
pub async fn a_password_that_is_given_again_is_written_down(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let [live, ended] = [open_session(&store, user.id, HOUR).await, open_session(&store, user.id, HOUR).await];
    end(&store, user.id, ended).await;
    let expired = open_session(&store, user.id, Duration::ZERO).await;
    let confirmed = event(AuditKind::Reauthenticated).about(user.id);
    store.sessions.confirm(live, confirmed.clone()).await.expect("a password can be confirmed");
    assert!(find(&store, live).await.is_fresh);
    for id in [ended, expired, SessionId::from_uuid(new_id())] {
        let event = event(AuditKind::Reauthenticated).about(user.id);
        store.sessions.confirm(id, event).await.expect("what is over is left alone");
    }
    assert_written(&store, user.id, &[&confirmed]).await;
}

/// A cookie finds its session, whatever its state, and no other does.
pub async fn a_cookie_finds_its_session(store: StoreUnderTest) {
    let user = create_user(&store).await;
    open_session(&store, user.id, HOUR).await;
    let (one, two) = (new_hash(), new_hash());
    let sessions = [one, two].map(|hash| NewSession { cookie: Some(hash), ..new_session(user.id) });
    for session in &sessions {
        open(&store, session).await;
    }
    let by_cookie = async |hash| store.sessions.find_by_cookie(hash).await.expect("sessions can be looked up");
    assert_eq!(by_cookie(one).await, Some(sessions[0].id));
    assert_eq!(by_cookie(two).await, Some(sessions[1].id));
    assert_eq!(by_cookie(new_hash()).await, None);
    end(&store, user.id, sessions[0].id).await;
    assert_eq!(by_cookie(one).await, Some(sessions[0].id));
}

/// A session that was seen live and then ended is live no longer; its user's others are.
pub async fn an_ended_session_is_not_live(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let ended = open_session(&store, user.id, HOUR).await;
    let other = open_session(&store, user.id, HOUR).await;
    assert_eq!(find(&store, ended).await.state, SessionState::Live);
    let event = logout(user.id);
    let end = store.sessions.end(user.id, ended, EndReason::Logout, event.clone());
    assert!(end.await.expect("a session can be ended"));
    assert_eq!(find(&store, ended).await.state, SessionState::Ended);
    assert_eq!(find(&store, other).await.state, SessionState::Live, "it was another session");
    assert_written(&store, user.id, &[&event]).await;
}

/// Ending a session twice, an expired one, or none, is told and no error, and is not written down.
pub async fn ending_what_is_over_or_never_was_is_no_error(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let ended = open_session(&store, user.id, HOUR).await;
    end(&store, user.id, ended).await;
    let expired = open_session(&store, user.id, Duration::ZERO).await;
    let unknown = SessionId::from_uuid(new_id());
    for session in [ended, expired, unknown] {
        let end = store.sessions.end(user.id, session, EndReason::Logout, logout(user.id));
        assert!(!end.await.expect("what is over is left alone"));
    }
    assert_eq!(find(&store, ended).await.state, SessionState::Ended);
    assert_eq!(find(&store, expired).await.state, SessionState::Expired);
    assert!(store.sessions.find(unknown).await.expect("sessions can be looked up").is_none());
    assert_written(&store, user.id, &[]).await;
}

/// Nobody ends somebody else's session.
pub async fn only_its_owner_ends_a_session(store: StoreUnderTest) {
    let (owner, other) = (create_user(&store).await, create_user(&store).await);
    let session = open_session(&store, owner.id, HOUR).await;
    let attempt = store.sessions.end(other.id, session, EndReason::Revoked, logout(owner.id));
    assert!(!attempt.await.expect("what is somebody else's is left alone"));
    assert_eq!(find(&store, session).await.state, SessionState::Live);
    assert_written(&store, owner.id, &[]).await;
}

/// Of twenty who end a session at once, one did it, and that one is written down.
pub async fn of_twenty_at_once_one_ends_it(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let session = open_session(&store, user.id, HOUR).await;
    let events: Vec<NewAuditEvent> = (0..20).map(|_| logout(user.id)).collect();
    let ends = events.iter().map(|event| store.sessions.end(user.id, session, EndReason::Logout, event.clone()));
    let ended = join_all(ends).await.into_iter().map(|ended| ended.expect("that is no error"));
    let who: Vec<&NewAuditEvent> = events.iter().zip(ended).filter_map(|(event, it)| it.then_some(event)).collect();
    assert_eq!(who.len(), 1);
    assert_written(&store, user.id, &who).await;
}

/// All live sessions of a user end but the one that is kept; nobody else's do. It is written down once, if any did.
pub async fn all_sessions_end_but_one(store: StoreUnderTest) {
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let kept = open_session(&store, user.id, HOUR).await;
    let live = [open_session(&store, user.id, HOUR).await, open_session(&store, user.id, HOUR).await];
    let expired = open_session(&store, user.id, Duration::ZERO).await;
    let foreign = open_session(&store, bystander.id, HOUR).await;
    let end_all = async |keep, event: &NewAuditEvent| {
        let ended = store.sessions.end_all(user.id, keep, EndReason::Revoked, event.clone()).await;
        let mut ended = ended.expect("sessions can be ended");
        ended.sort();
        ended
    };
    let events = [(); 3].map(|()| event(AuditKind::SessionRevoked).about(user.id));
    assert_eq!(find(&store, live[0]).await.state, SessionState::Live);
    assert_eq!(end_all(Some(kept), &events[0]).await, live);
    assert_eq!(end_all(Some(kept), &events[1]).await, [], "they are over already");
    for (session, expected) in [
        (kept, SessionState::Live),
        (live[0], SessionState::Ended),
        (live[1], SessionState::Ended),
        (expired, SessionState::Expired),
        (foreign, SessionState::Live),
    ] {
        assert_eq!(find(&store, session).await.state, expected);
    }
    assert_eq!(end_all(None, &events[2]).await, [kept]);
    assert_eq!(find(&store, kept).await.state, SessionState::Ended);
    assert_written(&store, user.id, &[&events[0], &events[2]]).await;
}

/// A user's live sessions are listed whole, in either order; none that is over or somebody else's is.
pub async fn live_sessions_are_listed(store: StoreUnderTest) {
    let (user, bystander) = (create_user(&store).await, create_user(&store).await);
    let lifetimes = Lifetimes { idle: HOUR, absolute: 24 * HOUR };
    let first = NewSession { lifetimes, client: client(), ..new_session(user.id) };
    let second = new_session(user.id);
    for session in [&first, &second] {
        open(&store, session).await;
    }
    let ended = open_session(&store, user.id, HOUR).await;
    end(&store, user.id, ended).await;
    open_session(&store, user.id, Duration::ZERO).await;
    let idle = Lifetimes { idle: Duration::ZERO, absolute: HOUR };
    open(&store, &NewSession { lifetimes: idle, ..new_session(user.id) }).await;
    open_session(&store, bystander.id, HOUR).await;

    let listed = entries(&store, user.id).await;
    assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), [first.id, second.id]);
    let entry = &listed[0];
    assert_eq!(entry.client, first.client);
    assert_eq!(entry.last_seen_at, entry.created_at, "it was seen when it was opened");
    assert_eq!(entry.expires_at, entry.created_at + HOUR, "it ends when it is not used again");
    assert_eq!(find(&store, first.id).await.expires_at, entry.created_at + 24 * HOUR);
    assert_eq!(listed[1].client, Client::default());
    let newest_first = store.sessions.list(user.id, page(10, None, Order::Descending)).await;
    let newest_first = newest_first.expect("sessions can be listed").items;
    assert_eq!(newest_first, listed.into_iter().rev().collect::<Vec<_>>());
}

/// A page begins after its cursor, also after one that has ended meanwhile, and says whether there is more.
pub async fn pages_follow_one_another(store: StoreUnderTest) {
    let user = create_user(&store).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(open_session(&store, user.id, HOUR).await);
    }
    for order in [Order::Ascending, Order::Descending] {
        let listed = async |after| {
            let page = store.sessions.list(user.id, page(2, after, order)).await.expect("sessions can be listed");
            (page.items.iter().map(|entry| entry.id).collect::<Vec<_>>(), page.has_more)
        };
        assert_eq!(listed(None).await, (vec![ids[0], ids[1]], true), "{order:?}");
        assert_eq!(listed(Some(ids[1])).await, (vec![ids[2], ids[3]], true), "{order:?}");
        assert_eq!(listed(Some(ids[2])).await, (vec![ids[3], ids[4]], false), "{order:?}");
        assert_eq!(listed(Some(ids[4])).await, (vec![], false), "{order:?}");
        ids.reverse();
    }
    end(&store, user.id, ids[1]).await;
    let rest = store.sessions.list(user.id, page(10, Some(ids[1]), Order::Ascending)).await;
    let rest: Vec<_> = rest.expect("a cursor may be over").items.iter().map(|entry| entry.id).collect();
    assert_eq!(rest, ids[2..]);
}

/// A cursor that names no session of the user is an error, also when it names somebody else's.
pub async fn an_unknown_cursor_is_refused(store: StoreUnderTest) {
    let (user, other) = (create_user(&store).await, create_user(&store).await);
    open_session(&store, user.id, HOUR).await;
    let foreign = open_session(&store, other.id, HOUR).await;
    for cursor in [SessionId::from_uuid(new_id()), foreign] {
        let listed = store.sessions.list(user.id, page(10, Some(cursor), Order::Ascending)).await;
        assert!(matches!(listed, Err(ListError::UnknownCursor)), "not a cursor of this list, but: {listed:?}");
    }
}

fn client() -> Client {
    Client::new(Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), Some("curl/8 (päivä; 'x')"))
}

fn logout(user: UserId) -> NewAuditEvent {
    event(AuditKind::Logout).about(user)
}

async fn end(store: &StoreUnderTest, owner: UserId, id: SessionId) {
    let end = store.sessions.end(owner, id, EndReason::Logout, event(AuditKind::Logout));
    assert!(end.await.expect("a session can be ended"), "a live session of its owner's ends");
}

async fn find(store: &StoreUnderTest, id: SessionId) -> Session {
    store.sessions.find(id).await.expect("sessions can be looked up").expect("the session should be found")
}

async fn entries(store: &StoreUnderTest, owner: UserId) -> Vec<SessionEntry> {
    let listed = store.sessions.list(owner, page(100, None, Order::Ascending)).await;
    listed.expect("sessions can be listed").items
}
