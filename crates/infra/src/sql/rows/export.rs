use diesel::Queryable;
use domain::export::{Export, ExportState, Progress};
use domain::id::ExportId;

use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

const TABLE: &str = "exports";

/// An export: `id, status, done, total, size_bytes, created_at, expires_at`, and whether its process is alive.
#[derive(Queryable)]
pub(crate) struct ExportRow {
    id: Id,
    status: String,
    done: i64,
    total: i64,
    size_bytes: Option<i64>,
    created_at: Time,
    expires_at: Time,
    is_attended: bool,
}

impl TryFrom<ExportRow> for Export {
    type Error = InconsistentRow;

    fn try_from(row: ExportRow) -> Result<Self, InconsistentRow> {
        let id = row.id.0;
        let count = |rows: i64, column| u64::try_from(rows).in_row(TABLE, column, id);
        let state = match row.status.as_str() {
            "running" if row.is_attended => ExportState::Running,
            "running" | "failed" => ExportState::Failed,
            "completed" => {
                ExportState::Completed { size_bytes: count(row.size_bytes.unwrap_or_default(), "size_bytes")? }
            }
            other => return Err(format!("unknown status {other:?}")).in_row(TABLE, "status", id),
        };
        Ok(Self {
            id: ExportId::from_uuid(id),
            state,
            progress: Progress { done: count(row.done, "done")?, total: count(row.total, "total")? },
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}
