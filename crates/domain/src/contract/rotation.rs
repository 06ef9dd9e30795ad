//! [`crate::session::SessionRepository::rotate`] (RFC 9700 §4.14.2).

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{HOUR, assert_written, create_user, event, new_hash, new_session, open, open_session, page};
use crate::audit::{AuditKind, NewAuditEvent};
use crate::id::{SessionId, UserId};
use crate::page::Order;
use crate::session::{EndReason, Exchange, Lifetimes, NewSession, Rotation, SessionState, TokenHash};
use crate::user::RightsChange;

/// Each token is exchanged for the next, and the last one counts.
pub async fn tokens_follow_one_another(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let tokens = [program.token, new_hash(), new_hash()];
    program.assert_current(&[(tokens[0], Some(true)), (tokens[1], None)]).await;
    program.assert_rotated(tokens[0], tokens[1]).await;
    program.assert_current(&[(tokens[0], Some(false)), (tokens[1], Some(true))]).await;
    program.assert_rotated(tokens[1], tokens[2]).await;
    program.assert_current(&[(tokens[0], Some(false)), (tokens[1], Some(false)), (tokens[2], Some(true))]).await;
    assert_eq!(program.state().await, SessionState::Live);
    assert_written(&store, program.user, &[]).await;
}

/// Of twenty that come with one token at once, all get the successor, of which there is one.
pub async fn twenty_at_once_get_one_successor(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let mut presented = program.token;
    for _ in 0..3 {
        let successor = new_hash();
        let rotations = (0..20).map(|_| program.rotate(presented, successor, HOUR));
        for rotation in join_all(rotations).await {
            let is_his = matches!(&rotation, Rotation::Rotated(session) if session.id == program.session);
            assert!(is_his, "everybody should get the successor, but: {rotation:?}");
        }
        program.assert_current(&[(presented, Some(false)), (successor, Some(true))]).await;
        presented = successor;
    }
    assert_eq!(program.state().await, SessionState::Live);
    assert_written(&store, program.user, &[]).await;
}

/// A token may come again for a while, and gets the same successor, as long as that one was not used.
pub async fn a_token_may_come_again_within_the_grace(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let (first, second) = (program.token, new_hash());
    for _ in 0..3 {
        program.assert_rotated(first, second).await;
    }
    program.assert_rotated(second, new_hash()).await;
    program.assert_reused(first, second, HOUR).await;
}

/// After the grace a token that was exchanged ends its session, although its successor was not used.
pub async fn a_token_that_comes_too_late_ends_its_session(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let (first, second) = (program.token, new_hash());
    program.assert_rotated(first, second).await;
    program.assert_reused(first, second, Duration::ZERO).await;
    assert!(matches!(program.rotate(second, new_hash(), HOUR).await, Rotation::Refused), "the session is over");
}

/// A token from before the last one ends its session, within the grace as well.
pub async fn an_older_token_ends_its_session(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let tokens = [program.token, new_hash(), new_hash()];
    program.assert_rotated(tokens[0], tokens[1]).await;
    program.assert_rotated(tokens[1], tokens[2]).await;
    program.assert_reused(tokens[0], tokens[1], HOUR).await;
    assert!(matches!(program.rotate(tokens[2], new_hash(), HOUR).await, Rotation::Refused), "the session is over");
}

/// Nobody gets a successor that was not stored: a token is exchanged for one other only.
pub async fn a_token_has_one_successor(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let (first, stranger) = (program.token, new_hash());
    program.assert_rotated(first, new_hash()).await;
    program.assert_reused(first, stranger, HOUR).await;
    program.assert_current(&[(stranger, None)]).await;
}

/// Of twenty that come too late at once, one ends the session, and that is written down once.
pub async fn twenty_at_once_end_a_session_once(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let (first, second) = (program.token, new_hash());
    program.assert_rotated(first, second).await;
    program.assert_rotated(second, new_hash()).await;
    let exchanges: Vec<Exchange> = (0..20).map(|_| exchange(first, second, HOUR)).collect();
    let rotations = join_all(exchanges.iter().map(|exchange| store.sessions.rotate(exchange.clone()))).await;
    let mut written = Vec::new();
    for (exchange, rotation) in exchanges.iter().zip(rotations) {
        match rotation.expect("a token can be exchanged") {
            Rotation::Reused(_) => written.push(program.reuse(exchange)),
            Rotation::Refused => {}
            Rotation::Rotated(session) => panic!("the token was used: {session:?}"),
        }
    }
    assert_eq!(written.len(), 1, "the session ends once");
    assert_written(&store, program.user, &written.iter().collect::<Vec<_>>()).await;
}

/// A reuse ends the session whose token it was, and no other.
pub async fn a_reuse_ends_one_session(store: StoreUnderTest) {
    let (program, bystander) = (Program::new(&store).await, Program::new(&store).await);
    let other = open_session(&store, program.user, HOUR).await;
    let successor = new_hash();
    program.assert_rotated(program.token, successor).await;
    program.assert_reused(program.token, successor, Duration::ZERO).await;
    for session in [other, bystander.session] {
        let found = store.sessions.find(session).await.expect("sessions can be looked up");
        assert_eq!(found.expect("the session is there").state, SessionState::Live);
    }
    bystander.assert_rotated(bystander.token, new_hash()).await;
}

/// A token that nobody was given is refused.
pub async fn an_unknown_token_is_refused(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let (unknown, successor) = (new_hash(), new_hash());
    assert!(matches!(program.rotate(unknown, successor, HOUR).await, Rotation::Refused));
    program.assert_current(&[(unknown, None), (successor, None), (program.token, Some(true))]).await;
}

/// The tokens of a session that is over, or whose user may do nothing, are refused; nothing is stored.
pub async fn a_token_of_what_is_over_is_refused(store: StoreUnderTest) {
    let ended = Program::new(&store).await;
    let end = store.sessions.end(ended.user, ended.session, EndReason::Logout, event(AuditKind::Logout));
    assert!(end.await.expect("a session can be ended"));
    let over = Lifetimes { idle: HOUR, absolute: Duration::ZERO };
    let idle = Lifetimes { idle: Duration::ZERO, absolute: HOUR };
    let expired = [Program::lasting(&store, over).await, Program::lasting(&store, idle).await];
    let disabled = Program::new(&store).await;
    let change = store.users.set_active(disabled.user, false, event(AuditKind::UserDisabled)).await;
    assert!(matches!(change, Ok(RightsChange::Made(_))), "an account can be disabled, but: {change:?}");
    // Somebody who logs in while the account is being disabled.
    let late = Program::of(&store, disabled.user, LASTING).await;
    for program in expired.iter().chain([&ended, &disabled, &late]) {
        let successor = new_hash();
        let rotation = program.rotate(program.token, successor, HOUR).await;
        assert!(matches!(rotation, Rotation::Refused), "the session is over, but: {rotation:?}");
        program.assert_current(&[(program.token, Some(true)), (successor, None)]).await;
        assert_written(&store, program.user, &[]).await;
    }
}

/// An exchange is a use of its session.
pub async fn an_exchange_counts_as_use(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let last_seen = async || {
        let listed = store.sessions.list(program.user, page(1, None, Order::Ascending)).await;
        listed.expect("sessions can be listed").items.first().expect("the session is listed").last_seen_at
    };
    let before = last_seen().await;
    program.assert_rotated(program.token, new_hash()).await;
    assert!(last_seen().await > before, "it was seen later");
}

/// A token is found with its session, whatever the state of that.
pub async fn a_token_is_found_with_its_session(store: StoreUnderTest) {
    let program = Program::new(&store).await;
    let found = store.sessions.find_refresh(program.token).await.expect("tokens can be looked up");
    let found = found.expect("the token is there");
    assert_eq!((found.session.id, found.session.user_id), (program.session, program.user));
    assert!(found.is_current && found.session.is_usable(), "{found:?}");
    let end = store.sessions.end(program.user, program.session, EndReason::Logout, event(AuditKind::Logout));
    assert!(end.await.expect("a session can be ended"));
    let found = store.sessions.find_refresh(program.token).await.expect("tokens can be looked up");
    assert_eq!(found.expect("the token is there").session.state, SessionState::Ended);
}

const LASTING: Lifetimes = Lifetimes { idle: HOUR, absolute: HOUR };

/// Somebody's program with a session, and the first token of it.
struct Program {
    store: StoreUnderTest,
    user: UserId,
    session: SessionId,
    token: TokenHash,
}

impl Program {
    async fn new(store: &StoreUnderTest) -> Self {
        Self::lasting(store, LASTING).await
    }

    async fn lasting(store: &StoreUnderTest, lifetimes: Lifetimes) -> Self {
        let user = create_user(store).await.id;
        Self::of(store, user, lifetimes).await
    }

    async fn of(store: &StoreUnderTest, user: UserId, lifetimes: Lifetimes) -> Self {
        let token = new_hash();
        let session = NewSession { refresh: Some(token), lifetimes, ..new_session(user) };
        open(store, &session).await;
        Self { store: store.clone(), user, session: session.id, token }
    }

    async fn rotate(&self, presented: TokenHash, successor: TokenHash, grace: Duration) -> Rotation {
        let rotation = self.store.sessions.rotate(exchange(presented, successor, grace)).await;
        rotation.expect("a token can be exchanged")
    }

    async fn assert_rotated(&self, presented: TokenHash, successor: TokenHash) {
        let rotation = self.rotate(presented, successor, HOUR).await;
        let Rotation::Rotated(session) = rotation else { panic!("it should be exchanged, but: {rotation:?}") };
        assert_eq!((session.id, session.user_id), (self.session, self.user));
        assert!(session.is_usable(), "{session:?}");
    }

    /// It ends the session, and leaves one row that says whose and which.
    async fn assert_reused(&self, presented: TokenHash, successor: TokenHash, grace: Duration) {
        assert_eq!(self.state().await, SessionState::Live, "not yet");
        let exchange = exchange(presented, successor, grace);
        let rotation = self.store.sessions.rotate(exchange.clone()).await.expect("a token can be exchanged");
        assert!(matches!(rotation, Rotation::Reused(id) if id == self.session), "it came again, but: {rotation:?}");
        assert_eq!(self.state().await, SessionState::Ended);
        let again = self.rotate(presented, successor, grace).await;
        assert!(matches!(again, Rotation::Refused), "the session is over, but: {again:?}");
        assert_written(&self.store, self.user, &[&self.reuse(&exchange)]).await;
    }

    /// What is written down of it.
    fn reuse(&self, exchange: &Exchange) -> NewAuditEvent {
        exchange.reuse.clone().about(self.user).concerning(self.session.as_uuid())
    }

    async fn state(&self) -> SessionState {
        let found = self.store.sessions.find(self.session).await.expect("sessions can be looked up");
        found.expect("the session is there").state
    }

    /// Which tokens are there, and whether they count.
    async fn assert_current(&self, expected: &[(TokenHash, Option<bool>)]) {
        for (token, is_current) in expected {
            let found = self.store.sessions.find_refresh(*token).await.expect("tokens can be looked up");
            assert_eq!(found.map(|found| found.is_current), *is_current, "{token:?}");
        }
    }
}

fn exchange(presented: TokenHash, successor: TokenHash, grace: Duration) -> Exchange {
    Exchange { presented, successor, grace, reuse: event(AuditKind::RefreshReused) }
}
