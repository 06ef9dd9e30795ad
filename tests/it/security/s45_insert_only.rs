//! What is written down stays as it is: not even with SQL can a row be changed, taken out or put in another's place.

use std::time::Duration;

use domain::audit::{AuditEvent, AuditFilter, AuditKind, NewAuditEvent, Origin};
use domain::clock::Clock as _;
use domain::id::{AuditEventId, IdGenerator as _, SessionId, UserId};
use domain::page::{Order, PageRequest};
use domain::session::Client;
use infra::clock::SystemClock;
use infra::ids::UuidV7;
use infra::store::{Opener, Store, open};

use crate::support::database::{Backend, Database};
use crate::support::on_both_stores;

on_both_stores!(no_statement_changes_a_row, a_count_grows_and_a_client_is_forgotten);

const KEPT: &str = "audit events are kept as they are";

async fn no_statement_changes_a_row(backend: Backend) {
    let (database, store) = store(backend);
    let event = event();
    store.audit.count(event.clone(), 2).await.unwrap();
    let before = events(&store).await;
    assert_eq!(before.len(), 1);
    let other = UuidV7.next();
    let later = if backend == Backend::Postgres { "at + interval '1 second'" } else { "at + 1" };
    for change in [
        format!("id = '{other}'"),
        format!("at = {later}"),
        "kind = 'login.failed'".to_owned(),
        format!("actor_id = '{other}'"),
        "actor_id = NULL".to_owned(),
        format!("subject_id = '{other}'"),
        "subject_id = NULL".to_owned(),
        format!("session_id = '{other}'"),
        "session_id = NULL".to_owned(),
        format!("object_id = '{other}'"),
        "object_id = NULL".to_owned(),
        "detail = 'another'".to_owned(),
        "detail = NULL".to_owned(),
        "ip = '192.0.2.2'".to_owned(),
        "user_agent = 'another'".to_owned(),
        "count = 1".to_owned(),
        "ip = NULL, kind = 'login.failed'".to_owned(),
    ] {
        let refused = database.try_execute(&format!("UPDATE audit_events SET {change}"));
        assert!(refused.as_ref().is_err_and(|error| error.contains(KEPT)), "{change}: {refused:?}");
    }
    let mut removals = vec!["DELETE FROM audit_events".to_owned()];
    if backend == Backend::Postgres {
        removals.push("TRUNCATE audit_events".to_owned());
    }
    for removal in removals {
        let refused = database.try_execute(&removal);
        assert!(refused.as_ref().is_err_and(|error| error.contains(KEPT)), "{removal}: {refused:?}");
    }
    if backend == Backend::Sqlite {
        // It would take the old row out without asking a trigger that looks after that.
        let replace = "INSERT OR REPLACE INTO audit_events (id, at, kind, count)
            SELECT id, at, 'login.failed', 9 FROM audit_events";
        drop(database.try_execute(replace));
    }
    assert_eq!(events(&store).await, before);
}

async fn a_count_grows_and_a_client_is_forgotten(backend: Backend) {
    let (_database, store) = store(backend);
    let event = event();
    for times in [2, 3] {
        store.audit.count(event.clone(), times).await.unwrap();
    }
    let before = events(&store).await;
    assert_eq!(before[0].count, 5);
    assert_eq!(before[0].origin.client, event.origin.client);
    store.audit.forget_clients(event.at + Duration::from_secs(1), 10).await.unwrap();
    let after = events(&store).await;
    assert_eq!(after[0].origin.client, Client::default());
    assert_eq!((after[0].count, after[0].origin.actor), (5, event.origin.actor));
}

fn store(backend: Backend) -> (Database, Store) {
    let database = Database::migrated(backend);
    let store = open(database.settings(), Opener::Server).unwrap();
    (database, store)
}

/// An event in which everything is said.
fn event() -> NewAuditEvent {
    let (one, other) = (UserId::generate(&UuidV7), UserId::generate(&UuidV7));
    let client = Client::new(Some([192, 0, 2, 1].into()), Some("curl"));
    NewAuditEvent {
        id: AuditEventId::generate(&UuidV7),
        at: SystemClock.now(),
        kind: AuditKind::RoleChanged,
        origin: Origin { actor: Some(one), session_id: Some(SessionId::generate(&UuidV7)), client },
        subject: Some(other),
        object: Some(UuidV7.next()),
        detail: Some("admin".to_owned()),
    }
}

async fn events(store: &Store) -> Vec<AuditEvent> {
    store.audit.list(AuditFilter::default(), PageRequest::first(Order::Ascending)).await.unwrap().items
}
