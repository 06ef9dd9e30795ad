//! [`crate::audit::AuditLog`].

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{HARD_TEXT, as_stored, event, moment_of_its_own, new_id, page};
use crate::audit::{AuditEvent, AuditFilter, AuditKind, NewAuditEvent, Origin};
use crate::id::{AuditEventId, SessionId, UserId};
use crate::page::{ListError, Order};
use crate::session::Client;

/// Every kind of event is kept, and every field of it; what is not known is not made up.
pub async fn every_field_is_kept(store: StoreUnderTest) {
    let (actor, subject) = (new_user_id(), new_user_id());
    let session_id = Some(SessionId::from_uuid(new_id()));
    let agent: String = HARD_TEXT.chars().filter(|c| !c.is_control()).collect();
    let mut expected = Vec::new();
    for (kind, ip) in AuditKind::ALL.iter().zip(["192.0.2.1", "2001:db8::1"].into_iter().cycle()) {
        let client = Client::new(Some(ip.parse().expect("an address")), Some(&agent));
        let origin = Origin { actor: Some(actor), session_id, client };
        expected.push(event(*kind).about(subject).concerning(new_id()).saying(HARD_TEXT));
        let full = expected.last_mut().expect("it was just added");
        full.origin = origin;
        store.audit.record(full.clone()).await.expect("an event can be recorded");
    }
    let bare = event(AuditKind::LoginFailed).about(subject);
    store.audit.record(bare.clone()).await.expect("an event can be recorded");
    expected.push(bare);
    let found = list(&store, about(subject)).await;
    assert_eq!(found, expected.iter().map(as_stored).collect::<Vec<_>>());
}

/// An event that is recorded again, as its acknowledgement was lost, stays as it is.
pub async fn an_event_is_recorded_once(store: StoreUnderTest) {
    let subject = new_user_id();
    let first = event(AuditKind::LoginFailed).about(subject).saying("first");
    let again = NewAuditEvent { detail: Some("again".to_owned()), ..first.clone() };
    for event in [&first, &again] {
        store.audit.record(event.clone()).await.expect("an event can be recorded");
    }
    assert_eq!(list(&store, about(subject)).await, [as_stored(&first)]);
}

/// What is counted is one row, which has what came first and how often it was in all.
pub async fn counts_add_up(store: StoreUnderTest) {
    let subject = new_user_id();
    let (counted, other) = (event(AuditKind::LoginThrottled).about(subject), event(AuditKind::LoginThrottled));
    store.audit.count(counted.clone(), 3).await.expect("an event can be counted");
    store.audit.count(other.about(subject), 5).await.expect("an event can be counted");
    let later = NewAuditEvent { at: counted.at + TimeDelta::seconds(1), ..counted.clone() };
    let counts = (0..20).map(|_| store.audit.count(later.clone(), 2));
    for result in join_all(counts).await {
        result.expect("an event can be counted");
    }
    let found = list(&store, about(subject)).await;
    assert_eq!(found[0], AuditEvent { count: 43, ..as_stored(&counted) });
    assert_eq!(found[1..].iter().map(|event| event.count).collect::<Vec<_>>(), [5]);
}

/// A filter leaves out what it does not name; its times are from, and before.
pub async fn events_are_filtered(store: StoreUnderTest) {
    let start = moment_of_its_own();
    let (one, two) = (new_user_id(), new_user_id());
    let by = |actor, subject, kind, seconds| {
        let origin = Origin { actor, ..Origin::default() };
        NewAuditEvent { at: start + TimeDelta::seconds(seconds), origin, subject, ..event(kind) }
    };
    let events = [
        by(Some(one), Some(one), AuditKind::LoginSucceeded, 0),
        by(Some(one), Some(two), AuditKind::RoleChanged, 1),
        by(Some(two), Some(two), AuditKind::RoleChanged, 2),
        by(None, Some(two), AuditKind::LoginFailed, 3),
    ];
    for event in events.iter().rev() {
        store.audit.record(event.clone()).await.expect("an event can be recorded");
    }
    let all = AuditFilter { since: Some(start), until: Some(start + TimeDelta::seconds(4)), ..AuditFilter::default() };
    let later = |seconds| Some(start + TimeDelta::seconds(seconds));
    let of = |actor, subject| AuditFilter { actor, subject, ..AuditFilter::default() };
    for (filter, expected) in [
        (all.clone(), &[0, 1, 2, 3][..]),
        (AuditFilter { since: later(1), ..all.clone() }, &[1, 2, 3]),
        (AuditFilter { until: later(3), ..all.clone() }, &[0, 1, 2]),
        (AuditFilter { since: later(1), until: later(2), ..all.clone() }, &[1]),
        (AuditFilter { kind: Some(AuditKind::RoleChanged), ..all.clone() }, &[1, 2]),
        (AuditFilter { kind: Some(AuditKind::KeyCreated), ..all.clone() }, &[]),
        (of(Some(one), None), &[0, 1]),
        (of(None, Some(two)), &[1, 2, 3]),
        (of(Some(one), Some(two)), &[1]),
        (AuditFilter { kind: Some(AuditKind::LoginFailed), ..of(Some(one), Some(two)) }, &[]),
    ] {
        let expected: Vec<AuditEvent> = expected.iter().map(|n| as_stored(&events[*n])).collect();
        assert_eq!(list(&store, filter.clone()).await, expected, "{filter:?}");
    }
}

/// Pages follow one another in either order, also where events are of one moment, and say whether there is more.
pub async fn pages_follow_one_another(store: StoreUnderTest) {
    let subject = new_user_id();
    let start = moment_of_its_own();
    let events = [0, 1, 1, 1, 2].map(|seconds| NewAuditEvent {
        at: start + TimeDelta::seconds(seconds),
        ..event(AuditKind::LoginFailed).about(subject)
    });
    for event in events.iter().rev() {
        store.audit.record(event.clone()).await.expect("an event can be recorded");
    }
    let mut ids = events.map(|event| event.id);
    for order in [Order::Ascending, Order::Descending] {
        let listed = async |after| {
            let page = store.audit.list(about(subject), page(2, after, order)).await.expect("events can be listed");
            (page.items.iter().map(|event| event.id).collect::<Vec<_>>(), page.has_more)
        };
        assert_eq!(listed(None).await, (vec![ids[0], ids[1]], true), "{order:?}");
        assert_eq!(listed(Some(ids[1])).await, (vec![ids[2], ids[3]], true), "{order:?}");
        assert_eq!(listed(Some(ids[2])).await, (vec![ids[3], ids[4]], false), "{order:?}");
        assert_eq!(listed(Some(ids[4])).await, (vec![], false), "{order:?}");
        ids.reverse();
    }
}

/// A cursor that names no event is an error, and not the start of the list.
pub async fn an_unknown_cursor_is_refused(store: StoreUnderTest) {
    let nothing = Some(AuditEventId::from_uuid(new_id()));
    let refused = store.audit.list(AuditFilter::default(), page(10, nothing, Order::Ascending)).await;
    assert!(matches!(refused, Err(ListError::UnknownCursor)), "there is no such event, but: {refused:?}");
}

/// Old events lose their addresses and agents, so many at a time, and nothing else; later ones keep them.
pub async fn old_clients_are_forgotten(store: StoreUnderTest) {
    let subject = new_user_id();
    // Long before whatever other cases, or earlier runs, have stored.
    let start = DateTime::from_timestamp(1, 0).expect("a moment that chrono knows");
    let with = |client, seconds| NewAuditEvent {
        at: start + TimeDelta::seconds(seconds),
        origin: Origin { actor: Some(subject), session_id: Some(SessionId::from_uuid(new_id())), client },
        ..event(AuditKind::LoginFailed).about(subject).concerning(new_id()).saying("kept")
    };
    let address = Some("192.0.2.1".parse().expect("an address"));
    let old = [
        with(Client::new(address, Some("curl")), 0),
        with(Client::new(address, None), 1),
        with(Client::new(None, Some("curl")), 2),
        with(Client::default(), 3),
    ];
    let later = with(Client::new(address, Some("curl")), 4);
    for event in old.iter().chain([&later]) {
        store.audit.record(event.clone()).await.expect("an event can be recorded");
    }
    let then: DateTime<Utc> = later.at;
    let forget = async |limit| store.audit.forget_clients(then, limit).await.expect("clients can be forgotten");
    assert_eq!(forget(0).await, 0);
    assert_eq!(forget(2).await, 2, "no more than is wanted");
    assert_eq!(forget(100).await, 1, "there is one left");
    assert_eq!(forget(100).await, 0, "there is none left");
    let without = old.map(|event| {
        let origin = Origin { client: Client::default(), ..event.origin.clone() };
        as_stored(&NewAuditEvent { origin, ..event })
    });
    let mut expected = without.to_vec();
    expected.push(as_stored(&later));
    assert_eq!(list(&store, about(subject)).await, expected);
    let rest = store.audit.forget_clients(then + TimeDelta::seconds(1), 100).await;
    assert_eq!(rest.expect("clients can be forgotten"), 1);
}

fn new_user_id() -> UserId {
    UserId::from_uuid(new_id())
}

fn about(subject: UserId) -> AuditFilter {
    AuditFilter { subject: Some(subject), ..AuditFilter::default() }
}

async fn list(store: &StoreUnderTest, filter: AuditFilter) -> Vec<AuditEvent> {
    store.audit.list(filter, page(100, None, Order::Ascending)).await.expect("events can be listed").items
}
