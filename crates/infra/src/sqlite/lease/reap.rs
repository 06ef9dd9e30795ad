use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};

use crate::sql::rows::{OrphanRow, PieceRow, close_orphans};
use crate::sql::values::{Id, Time};
use crate::sqlite::journal::store_end;
use crate::sqlite::schema::{replicas, turn_pieces};
use crate::sqlite::statement::Statement;

/// How long a process may be out of touch before its row goes; what it ran has been closed long since.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(1);

/// Closes what the dead left running, inside the caller's transaction.
pub(super) fn reap(connection: &mut SqliteConnection, by: Id, at: Time, now: Time) -> QueryResult<Vec<Id>> {
    const ORPHANS: &str = "SELECT t.id, t.owner, t.question_tokens FROM turns t \
         WHERE t.status = 'running' AND t.owner <> ? \
         AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.id = t.owner AND r.lease_until > ?) ORDER BY t.id";
    let orphans: Vec<OrphanRow> =
        Statement::<(Text, Text, BigInt), _>::new(ORPHANS, [by.into(), now.into()]).load(connection)?;
    let forgotten = Time(now.0 - FORGOTTEN_AFTER);
    diesel::delete(replicas::table.filter(replicas::lease_until.lt(forgotten))).execute(connection)?;
    if orphans.is_empty() {
        return Ok(Vec::new());
    }
    let pieces: Vec<PieceRow> = turn_pieces::table
        .filter(turn_pieces::turn_id.eq_any(orphans.iter().map(|orphan| orphan.id)))
        .order((turn_pieces::turn_id, turn_pieces::part_index, turn_pieces::start_byte))
        .load(connection)?;
    let ends =
        close_orphans(&orphans, &pieces, at).map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
    for end in &ends {
        store_end(connection, end)?;
    }
    Ok(ends.iter().map(|end| end.id).collect())
}
