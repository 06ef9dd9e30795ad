use diesel::prelude::*;

use crate::sql::rows::PieceRow;
use crate::sql::values::{Id, Time};
use crate::sqlite::schema::{replicas, sessions, turns, users};
use crate::sqlite::statement::{Command, Value};

const APPEND: &str = include_str!("append.sql");

/// What the process hears.
pub(super) struct Heard {
    pub turns: Vec<Id>,
    pub sessions: Vec<Id>,
}

/// Writes what the process tells, inside the caller's transaction.
pub(super) fn tell(
    connection: &mut SqliteConnection,
    replica: Id,
    lease_until: Option<Time>,
    pieces: &[PieceRow],
) -> QueryResult<()> {
    if let Some(until) = lease_until {
        diesel::insert_into(replicas::table)
            .values((replicas::id.eq(replica), replicas::lease_until.eq(until)))
            .on_conflict(replicas::id)
            .do_update()
            .set(replicas::lease_until.eq(until))
            .execute(connection)?;
    }
    for piece in pieces {
        let values = [
            i64::from(piece.part_index).into(),
            piece.start_byte.into(),
            piece.text.as_str().into(),
            Value::Json(piece.part.as_ref()),
            piece.turn_id.into(),
            replica.into(),
        ];
        Command::new(APPEND, values).execute(connection)?;
    }
    Ok(())
}

/// Looks for what concerns the process.
pub(super) fn hear(connection: &mut SqliteConnection, replica: Id, watched: &[Id], now: Time) -> QueryResult<Heard> {
    let unwanted = turns::table
        .filter(turns::owner.eq(replica))
        .filter(turns::status.eq("running"))
        .filter(turns::cancel_requested_at.is_not_null())
        .select(turns::id);
    let turns = unwanted.load::<Id>(connection)?;
    if watched.is_empty() {
        return Ok(Heard { turns, sessions: Vec::new() });
    }
    let live = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq_any(watched))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .filter(users::is_active)
        .select(sessions::id)
        .load::<Id>(connection)?;
    Ok(Heard { turns, sessions: watched.iter().filter(|id| !live.contains(id)).copied().collect() })
}
