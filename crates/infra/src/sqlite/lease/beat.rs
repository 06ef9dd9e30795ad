use std::collections::HashSet;

use diesel::prelude::*;
use uuid::Uuid;

use crate::sql::rows::PieceRow;
use crate::sql::values::{Id, Time};
use crate::sqlite::schema::{api_keys, replicas, sessions, turns, users};
use crate::sqlite::session::is_in_time;
use crate::sqlite::statement::{Command, Value};

/// SQLite takes 32,766 values in a statement.
const MOST_VALUES: usize = 10_000;
const APPEND: &str = include_str!("append.sql");

/// What the process hears.
pub(super) struct Heard {
    pub turns: Vec<Id>,
    /// Of the sessions and keys that are watched.
    pub ended: HashSet<Id>,
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

/// Looks for what concerns the process, which had something to say of the turns that are `told`.
pub(super) fn hear(
    connection: &mut SqliteConnection,
    replica: Id,
    told: &[Id],
    watched: &[Id],
    now: Time,
) -> QueryResult<Heard> {
    let unwanted = turns::table
        .filter(turns::owner.eq(replica))
        .filter(turns::status.eq("running"))
        .filter(turns::cancel_requested_at.is_not_null())
        .select(turns::id);
    let mut turns = unwanted.load::<Id>(connection)?;
    let runs_here = |connection: &mut SqliteConnection, some: &[Id]| {
        let running = turns::table.filter(turns::id.eq_any(some)).filter(turns::owner.eq(replica));
        running.filter(turns::status.eq("running")).select(turns::id).load(connection)
    };
    turns.extend(missing(connection, told, runs_here)?);
    let is_live = |connection: &mut SqliteConnection, some: &[Id]| {
        let sessions = sessions::table.inner_join(users::table).filter(sessions::id.eq_any(some));
        let sessions = sessions.filter(sessions::ended_at.is_null()).filter(is_in_time(now)).filter(users::is_active);
        let mut live: Vec<Id> = sessions.select(sessions::id).load(connection)?;
        let keys = api_keys::table.inner_join(users::table).filter(api_keys::id.eq_any(some));
        let keys = keys.filter(api_keys::revoked_at.is_null()).filter(api_keys::expires_at.gt(now));
        live.extend(keys.filter(users::is_active).select(api_keys::id).load::<Id>(connection)?);
        Ok(live)
    };
    Ok(Heard { turns, ended: missing(connection, watched, is_live)?.into_iter().collect() })
}

/// Those of `ids` that `find` does not give back.
fn missing(
    connection: &mut SqliteConnection,
    ids: &[Id],
    find: impl Fn(&mut SqliteConnection, &[Id]) -> QueryResult<Vec<Id>>,
) -> QueryResult<Vec<Id>> {
    let mut found: HashSet<Uuid> = HashSet::new();
    for some in ids.chunks(MOST_VALUES) {
        found.extend(find(connection, some)?.into_iter().map(|id| id.0));
    }
    Ok(ids.iter().filter(|id| !found.contains(&id.0)).copied().collect())
}
