use async_trait::async_trait;

use super::{Export, ExportState, NewExport, Progress};
use crate::Unexpected;
use crate::audit::NewAuditEvent;
use crate::id::{ExportId, ReplicaId, UserId};
use crate::page::{ListError, Page, PageRequest};

/// What came of the wish for an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportBegun {
    /// It is to be written now.
    Begun(Export),
    /// This one is being written already.
    Running(Export),
}

/// A piece of an export.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Its place, counted from 0.
    pub number: u32,
    /// What is in it.
    pub content: Vec<u8>,
    /// How much is written with it.
    pub progress: Progress,
}

/// Port: exports at rest. Every method is atomic; times are the store's own clock.
///
/// `owner` is part of every look-up: somebody else's export, and one whose time is over, MUST give what a missing one
/// gives.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ExportRepository: Send + Sync {
    /// Begins an export, and stores the event. At most one of a user's is written at a time, also when two are asked for at
    /// once; one whose process holds no lease has failed. The ones before go: a user has one export at the most.
    async fn begin(&self, export: NewExport, event: NewAuditEvent) -> Result<ExportBegun, Unexpected>;

    /// Stores a piece. `false` if that process does not write that export any more, or its time is over; a piece that is
    /// stored already stays.
    async fn append(&self, id: ExportId, replica: ReplicaId, chunk: Chunk) -> Result<bool, Unexpected>;

    /// Ends an export, if that process still writes it.
    async fn end(
        &self,
        id: ExportId,
        replica: ReplicaId,
        state: ExportState,
        progress: Progress,
    ) -> Result<(), Unexpected>;

    /// The owner's export of that id. One that is written by a process without a lease is [`ExportState::Failed`].
    async fn find(&self, owner: UserId, id: ExportId) -> Result<Option<Export>, Unexpected>;

    /// The owner's exports, by the time they were asked for.
    async fn list(&self, owner: UserId, page: PageRequest<ExportId>) -> Result<Page<Export>, ListError>;

    /// A piece of the owner's completed export.
    async fn chunk(&self, owner: UserId, id: ExportId, number: u32) -> Result<Option<Vec<u8>>, Unexpected>;

    /// Removes at most `limit` pieces of exports that failed or whose time is over, and those exports that have none
    /// left and whose time is over. Returns how many rows went.
    async fn purge(&self, limit: u32) -> Result<u32, Unexpected>;
}
