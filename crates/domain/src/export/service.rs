use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;

use super::{Export, ExportBegun, ExportFormat, ExportRepository, ExportState, NewExport, RecordRepository, job};
use crate::Unexpected;
use crate::access::Principal;
use crate::audit::{AuditKind, AuditLog, AuditTrail, Origin};
use crate::background::Background;
use crate::clock::Clock;
use crate::id::{ExportId, IdGenerator, ReplicaId};
use crate::page::{ListError, Page, PageRequest};
use crate::session::Client;
use crate::usage::UsageRepository;
use crate::user::UserRepository;

/// What exporting needs.
pub struct ExportPorts {
    /// Where exports are stored.
    pub exports: Arc<dyn ExportRepository>,
    /// What is stored about somebody.
    pub records: Arc<dyn RecordRepository>,
    /// Accounts.
    pub users: Arc<dyn UserRepository>,
    /// What turns took.
    pub usage: Arc<dyn UsageRepository>,
    /// What happened.
    pub log: Arc<dyn AuditLog>,
    /// How an export is written down.
    pub format: Arc<dyn ExportFormat>,
    /// Who writes it.
    pub background: Arc<dyn Background>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// Why an export cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There is no such export, or it is somebody else's.
    #[error("there is no such export")]
    NotFound,
    /// It is being written.
    #[error("the export is being written")]
    Running,
    /// It came to nothing.
    #[error("the export has failed")]
    Failed,
    /// The store failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// An export, byte by byte.
pub struct Download {
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// The bytes. They end early, with an error, if the export goes meanwhile.
    pub content: BoxStream<'static, Result<Vec<u8>, Unexpected>>,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

/// Use case: getting everything that is stored about oneself.
#[derive(Clone)]
pub struct ExportService {
    ports: Arc<ExportPorts>,
    replica: ReplicaId,
    audit: AuditTrail,
}

impl ExportService {
    /// How long an export is kept.
    pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// The use case over these ports, in that process.
    pub fn new(ports: ExportPorts, replica: ReplicaId, audit: AuditTrail) -> Self {
        Self { ports: Arc::new(ports), replica, audit }
    }

    /// Begins to write down everything about the caller, and returns at once; or returns the export that is being
    /// written already.
    pub async fn start(&self, caller: &Principal, client: Client) -> Result<Export, Unexpected> {
        let new = NewExport {
            id: ExportId::generate(&*self.ports.ids),
            owner: caller.user_id,
            replica: self.replica,
            total: self.ports.records.count_turns(caller.user_id).await?,
            lifetime: Self::LIFETIME,
        };
        let event = self.audit.event(AuditKind::DataExported, &Origin::of(caller, client)).about(caller.user_id);
        let event = event.concerning(new.id.as_uuid());
        match self.ports.exports.begin(new.clone(), event).await? {
            ExportBegun::Begun(export) => {
                self.ports.background.start("export", Box::pin(job::write(self.ports.clone(), new)));
                Ok(export)
            }
            ExportBegun::Running(export) => Ok(export),
        }
    }

    /// One of the caller's exports.
    pub async fn find(&self, caller: &Principal, id: ExportId) -> Result<Option<Export>, Unexpected> {
        self.ports.exports.find(caller.user_id, id).await
    }

    /// The caller's exports, by the time they were asked for.
    pub async fn list(&self, caller: &Principal, page: PageRequest<ExportId>) -> Result<Page<Export>, ListError> {
        self.ports.exports.list(caller.user_id, page).await
    }

    /// What the caller's export says.
    pub async fn download(&self, caller: &Principal, id: ExportId) -> Result<Download, DownloadError> {
        let export = self.find(caller, id).await?.ok_or(DownloadError::NotFound)?;
        let size_bytes = match export.state {
            ExportState::Completed { size_bytes } => size_bytes,
            ExportState::Running => return Err(DownloadError::Running),
            ExportState::Failed => return Err(DownloadError::Failed),
        };
        let (ports, owner) = (self.ports.clone(), caller.user_id);
        let content = try_unfold((0, size_bytes), move |(number, left)| {
            let ports = ports.clone();
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let chunk = ports.exports.chunk(owner, id, number).await?;
                let chunk = chunk.ok_or_else(|| Unexpected::new("the export went while it was read"))?;
                let left = left.saturating_sub(u64::try_from(chunk.len()).unwrap_or(left));
                Ok(Some((chunk, (number + 1, left))))
            }
        });
        Ok(Download { created_at: export.created_at, size_bytes, content: content.boxed() })
    }
}
