use domain::export as model;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;

/// A copy of everything that is stored about somebody.
#[derive(Serialize, ToSchema)]
pub(crate) struct Export {
    /// Which export.
    id: Uuid,
    /// Where it stands: `running`, `completed` or `failed`. One that failed can be asked for again.
    #[schema(example = "running")]
    status: &'static str,
    /// How much of it is written.
    progress: Progress,
    /// When it was asked for.
    created_at: Timestamp,
    /// Until when it can be had.
    expires_at: Timestamp,
    /// How many bytes it has, once it is complete.
    #[schema(example = 48_213)]
    size_bytes: Option<u64>,
}

/// How much is written, in turns.
#[derive(Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Those that are written.
    #[schema(example = 120)]
    done: u64,
    /// All of them.
    #[schema(example = 800)]
    total: u64,
}

impl From<model::Export> for Export {
    fn from(export: model::Export) -> Self {
        let size_bytes = match export.state {
            model::ExportState::Completed { size_bytes } => Some(size_bytes),
            model::ExportState::Running | model::ExportState::Failed => None,
        };
        let model::Progress { done, total } = export.progress;
        Self {
            id: export.id.as_uuid(),
            status: export.state.as_str(),
            progress: Progress { done, total },
            created_at: Timestamp(export.created_at),
            expires_at: Timestamp(export.expires_at),
            size_bytes,
        }
    }
}
