//! [`crate::session::TicketRepository`].

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{HOUR, create_user, new_hash, new_key, open_session};
use crate::access::CredentialId;
use crate::id::UserId;
use crate::session::{NewTicket, TokenHash};

/// A ticket stands for a session or for a key, once.
pub async fn a_ticket_is_good_once(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    let session = CredentialId::Session(open_session(&store, user, HOUR).await);
    let key = CredentialId::ApiKey(new_key(user).id);
    let (of_session, of_key) = (issue(&store, user, session, HOUR).await, issue(&store, user, key, HOUR).await);
    assert_eq!(redeem(&store, new_hash()).await, None, "nobody was given that one");
    assert_eq!(redeem(&store, of_key).await, Some(key));
    assert_eq!(redeem(&store, of_session).await, Some(session));
    assert_eq!(redeem(&store, of_key).await, None, "it is used up");
    assert_eq!(redeem(&store, of_session).await, None, "it is used up");
}

/// Of twenty who come with one ticket at once, one gets in.
pub async fn of_twenty_at_once_one_gets_in(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    let session = CredentialId::Session(open_session(&store, user, HOUR).await);
    for _ in 0..3 {
        let ticket = issue(&store, user, session, HOUR).await;
        let redeemed = join_all((0..20).map(|_| redeem(&store, ticket))).await;
        assert_eq!(redeemed.into_iter().flatten().collect::<Vec<_>>(), [session]);
    }
}

/// A ticket whose time is over is worth nothing.
pub async fn a_ticket_without_time_is_no_ticket(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    let session = CredentialId::Session(open_session(&store, user, HOUR).await);
    let ticket = issue(&store, user, session, Duration::ZERO).await;
    assert_eq!(redeem(&store, ticket).await, None);
}

/// Tickets whose time is over are removed, so many at a time; others stay.
pub async fn old_tickets_are_removed(store: StoreUnderTest) {
    let user = create_user(&store).await.id;
    let session = CredentialId::Session(open_session(&store, user, HOUR).await);
    let good = issue(&store, user, session, HOUR).await;
    for _ in 0..3 {
        issue(&store, user, session, Duration::ZERO).await;
    }
    let purge = async |limit| store.tickets.purge(limit).await.expect("tickets can be removed");
    assert_eq!(purge(0).await, 0);
    assert_eq!(purge(2).await, 2, "no more than is wanted");
    assert!(purge(100).await >= 1, "there is one left");
    assert_eq!(redeem(&store, good).await, Some(session), "its time is not over");
}

async fn issue(store: &StoreUnderTest, user_id: UserId, credential: CredentialId, lifetime: Duration) -> TokenHash {
    let hash = new_hash();
    let ticket = NewTicket { hash, user_id, credential, lifetime };
    store.tickets.issue(ticket).await.expect("a ticket can be issued");
    hash
}

async fn redeem(store: &StoreUnderTest, ticket: TokenHash) -> Option<CredentialId> {
    store.tickets.redeem(ticket).await.expect("a ticket can be redeemed")
}
