use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::id::{ExportId, ReplicaId, UserId};

/// How much of an export is written, in turns: they are nearly all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Those that are written.
    pub done: u64,
    /// All of them.
    pub total: u64,
}

/// Where an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// It is being written.
    Running,
    /// It can be had.
    Completed {
        /// How many bytes it has.
        size_bytes: u64,
    },
    /// It came to nothing, or the process that wrote it is no more.
    Failed,
}

impl ExportState {
    /// The name that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed { .. } => "completed",
            Self::Failed => "failed",
        }
    }
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Which export.
    pub id: ExportId,
    /// Where it stands.
    pub state: ExportState,
    /// How much of it is written.
    pub progress: Progress,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Until when it is kept.
    pub expires_at: DateTime<Utc>,
}

/// An export that is to be written.
#[derive(Clone, Debug)]
pub struct NewExport {
    /// Its id.
    pub id: ExportId,
    /// Whose it is.
    pub owner: UserId,
    /// The process that writes it.
    pub replica: ReplicaId,
    /// How many turns it will have, about.
    pub total: u64,
    /// How long it is kept, by the store's clock.
    pub lifetime: Duration,
}
