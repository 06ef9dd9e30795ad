use diesel::prelude::*;
use diesel::sql_types::Bool;
use domain::chat::Settlement;

use crate::sql::rows::FinishedRow;
use crate::sqlite::statement::{Command, Statement, Value};

const COUNT: &str = include_str!("count.sql");

/// Stores how a turn ended, inside the caller's transaction.
pub(in crate::sqlite) fn finish(connection: &mut SqliteConnection, row: &FinishedRow) -> QueryResult<Settlement> {
    const FINISH: &str = "UPDATE turns SET status = ?, incomplete_reason = ?, failure = ?, response = ?, parts = ?, \
         image_url = ?, model = COALESCE(?, model), input_tokens = ?, output_tokens = ?, completed_at = ? \
         WHERE id = ? AND owner = ? AND status = 'running'";
    const RELEASE: &str = "DELETE FROM idempotency_keys WHERE turn_id = ?";
    const CLEAR: &str = "DELETE FROM turn_pieces WHERE turn_id = ?";
    let values = [
        row.status.into(),
        row.incomplete_reason.into(),
        row.failure.into(),
        row.response.as_deref().into(),
        Value::Json(row.parts.as_ref()),
        row.image_url.as_deref().into(),
        row.model.as_deref().into(),
        row.input_tokens.into(),
        row.output_tokens.into(),
        row.completed_at.into(),
        row.id.into(),
        row.owner.into(),
    ];
    if Command::new(FINISH, values).execute(connection)? == 0 {
        return if is_stored(connection, row)? { Ok(Settlement::Stored) } else { Ok(Settlement::Lost) };
    }
    Command::new(COUNT, [row.id.into()]).execute(connection)?;
    if row.gave_nothing() {
        Command::new(RELEASE, [row.id.into()]).execute(connection)?;
    }
    Command::new(CLEAR, [row.id.into()]).execute(connection)?;
    Ok(Settlement::Stored)
}

/// Whether this very end is what is stored: the acknowledgement was lost.
fn is_stored(connection: &mut SqliteConnection, row: &FinishedRow) -> QueryResult<bool> {
    const FIND: &str =
        "SELECT EXISTS (SELECT 1 FROM turns WHERE id = ? AND owner = ? AND status = ? AND completed_at = ?)";
    let values = [row.id.into(), row.owner.into(), row.status.into(), row.completed_at.into()];
    Statement::<Bool, _>::new(FIND, values).get_result(connection)
}
