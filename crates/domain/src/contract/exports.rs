//! [`crate::export::ExportRepository`].

use std::time::Duration;

use futures_util::future::join_all;

use super::StoreUnderTest;
use super::fixtures::{Asker, HOUR, assert_written, create_user, event, new_id, page};
use crate::audit::{AuditKind, NewAuditEvent};
use crate::export::{Chunk, Export, ExportBegun, ExportState, NewExport, Progress};
use crate::id::{ExportId, ReplicaId};
use crate::page::{ListError, Order};

const HALF: Progress = Progress { done: 1, total: 2 };
const WHOLE: Progress = Progress { done: 2, total: 2 };

/// An export is written piece by piece, and read so once it is complete.
pub async fn an_export_is_read_as_it_was_written(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let new = new_export(&asker, HOUR);
    let event = exported(&asker, new.id);
    let begun = match store.exports.begin(new.clone(), event.clone()).await.expect("an export can be begun") {
        ExportBegun::Begun(export) => export,
        ExportBegun::Running(other) => panic!("nothing is written yet, but: {other:?}"),
    };
    assert_eq!((begun.id, begun.state), (new.id, ExportState::Running));
    assert_eq!(begun.progress, Progress { done: 0, total: new.total });
    assert!(begun.expires_at > begun.created_at);
    let pieces: [&[u8]; 3] = [b"\x00\xff{\"", "ä".as_bytes(), b"}"];
    for (number, piece) in (0..).zip(pieces) {
        assert!(append(&store, &asker, new.id, number, piece).await);
        assert!(append(&store, &asker, new.id, number, b"again").await, "a repeated piece is no error");
    }
    assert_eq!(find(&store, &asker, new.id).await.expect("it is there").progress, HALF);
    assert_eq!(chunk(&store, &asker, new.id, 0).await, None, "it is not complete");
    end(&store, &asker, new.id, ExportState::Completed { size_bytes: 7 }).await;
    let found = find(&store, &asker, new.id).await.expect("it is there");
    assert_eq!((found.state, found.progress), (ExportState::Completed { size_bytes: 7 }, WHOLE));
    for (number, piece) in (0..).zip(pieces) {
        assert_eq!(chunk(&store, &asker, new.id, number).await.as_deref(), Some(piece));
    }
    assert_eq!(chunk(&store, &asker, new.id, 3).await, None);
    assert_written(&store, asker.user, &[&event]).await;
}

/// Of twenty that are event for at once, one is written, and the others are told of it.
pub async fn one_is_written_at_a_time(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let wishes = (0..20).map(|_| {
        let new = new_export(&asker, HOUR);
        store.exports.begin(new.clone(), exported(&asker, new.id))
    });
    let (mut begun, mut running) = (Vec::new(), Vec::new());
    for wish in join_all(wishes).await {
        match wish.expect("that is no error") {
            ExportBegun::Begun(export) => begun.push(export.id),
            ExportBegun::Running(export) => running.push(export.id),
        }
    }
    assert_eq!((begun.len(), running.len()), (1, 19));
    assert!(running.iter().all(|id| *id == begun[0]), "all of them are the one");
}

/// Somebody else's export is a missing one, whatever is asked of it.
pub async fn a_foreign_export_is_missing(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let stranger = Asker { user: create_user(&store).await.id, ..asker.clone() };
    let id = complete(&store, &asker).await;
    assert!(find(&store, &stranger, id).await.is_none());
    assert_eq!(chunk(&store, &stranger, id, 0).await, None);
    assert!(chunk(&store, &asker, id, 0).await.is_some());
    assert!(find(&store, &asker, ExportId::from_uuid(new_id())).await.is_none());
}

/// Another process neither writes nor ends it.
pub async fn another_process_writes_nothing(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let other = Asker { replica: ReplicaId::from_uuid(new_id()), ..asker.clone() };
    let id = begin_export(&store, &asker, HOUR).await;
    assert!(!append(&store, &other, id, 0, b"x").await);
    end(&store, &other, id, ExportState::Failed).await;
    assert_eq!(find(&store, &asker, id).await.expect("it is there").state, ExportState::Running);
    end(&store, &asker, id, ExportState::Failed).await;
    assert_eq!(find(&store, &asker, id).await.expect("it is there").state, ExportState::Failed);
    assert!(!append(&store, &asker, id, 0, b"x").await, "it has ended");
}

/// One whose process is dead has failed, and another can be asked for.
pub async fn an_export_of_a_dead_process_has_failed(store: StoreUnderTest) {
    let asker = Asker { replica: ReplicaId::from_uuid(new_id()), ..Asker::new(&store).await };
    asker.renew(HOUR).await;
    let id = begin_export(&store, &asker, HOUR).await;
    store.leases.release(asker.replica).await.expect("a lease can be released");
    assert_eq!(find(&store, &asker, id).await.expect("it is there").state, ExportState::Failed);
    let successor = Asker { replica: ReplicaId::from_uuid(new_id()), ..asker.clone() };
    successor.renew(HOUR).await;
    let again = begin_export(&store, &successor, HOUR).await;
    assert_ne!(again, id);
    assert_eq!(find(&store, &asker, again).await.expect("it is there").state, ExportState::Running);
    assert!(!append(&store, &asker, id, 0, b"x").await, "who comes back is told that it is over");
}

/// A user has one export: a new one takes the place of the last.
pub async fn a_new_export_takes_the_place_of_the_last(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let first = complete(&store, &asker).await;
    let second = begin_export(&store, &asker, HOUR).await;
    assert!(find(&store, &asker, first).await.is_none());
    assert_eq!(chunk(&store, &asker, first, 0).await, None);
    assert!(find(&store, &asker, second).await.is_some());
    let listed = async |after| store.exports.list(asker.user, page(10, after, Order::Descending)).await;
    let all = listed(None).await.expect("exports can be listed").items;
    assert_eq!(all.iter().map(|export| export.id).collect::<Vec<_>>(), [second]);
    assert!(listed(Some(second)).await.expect("exports can be listed").items.is_empty());
    let unknown = listed(Some(ExportId::from_uuid(new_id()))).await;
    assert!(matches!(unknown, Err(ListError::UnknownCursor)), "{unknown:?}");
}

/// One whose time is over is a missing one, and is removed.
pub async fn an_expired_export_goes(store: StoreUnderTest) {
    let asker = Asker::new(&store).await;
    let id = begin_export(&store, &asker, Duration::ZERO).await;
    assert!(find(&store, &asker, id).await.is_none());
    assert!(!append(&store, &asker, id, 0, b"x").await);
    let kept = Asker { user: create_user(&store).await.id, ..asker.clone() };
    let kept_id = complete(&store, &kept).await;
    while store.exports.purge(2).await.expect("exports can be purged") > 0 {}
    assert!(chunk(&store, &kept, kept_id, 0).await.is_some(), "its time is not over");
}

fn new_export(asker: &Asker, lifetime: Duration) -> NewExport {
    let id = ExportId::from_uuid(new_id());
    NewExport { id, owner: asker.user, replica: asker.replica, total: 2, lifetime }
}

fn exported(asker: &Asker, id: ExportId) -> NewAuditEvent {
    event(AuditKind::DataExported).about(asker.user).concerning(id.as_uuid())
}

/// An export that is being written.
pub(super) async fn begin_export(store: &StoreUnderTest, asker: &Asker, lifetime: Duration) -> ExportId {
    let new = new_export(asker, lifetime);
    let begun = store.exports.begin(new.clone(), event(AuditKind::DataExported)).await;
    let begun = begun.expect("an export can be begun");
    assert!(matches!(&begun, ExportBegun::Begun(export) if export.id == new.id), "{begun:?}");
    new.id
}

/// One that can be had.
async fn complete(store: &StoreUnderTest, asker: &Asker) -> ExportId {
    let id = begin_export(store, asker, HOUR).await;
    assert!(append(store, asker, id, 0, b"{}").await);
    end(store, asker, id, ExportState::Completed { size_bytes: 2 }).await;
    id
}

/// Whether the piece was wanted.
pub(super) async fn append(store: &StoreUnderTest, asker: &Asker, id: ExportId, number: u32, content: &[u8]) -> bool {
    let chunk = Chunk { number, content: content.to_vec(), progress: HALF };
    store.exports.append(id, asker.replica, chunk).await.expect("a piece can be stored, or is not wanted")
}

async fn end(store: &StoreUnderTest, asker: &Asker, id: ExportId, state: ExportState) {
    store.exports.end(id, asker.replica, state, WHOLE).await.expect("an export can be ended");
}

async fn find(store: &StoreUnderTest, asker: &Asker, id: ExportId) -> Option<Export> {
    store.exports.find(asker.user, id).await.expect("exports can be looked up")
}

async fn chunk(store: &StoreUnderTest, asker: &Asker, id: ExportId, number: u32) -> Option<Vec<u8>> {
    store.exports.chunk(asker.user, id, number).await.expect("pieces can be looked up")
}
