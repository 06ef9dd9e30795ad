use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Interval, Timestamptz, Uuid as PgUuid};

use crate::postgres::journal::store_ends;
use crate::postgres::schema::{replicas, turn_pieces};
use crate::sql::rows::{OrphanRow, PieceRow, close_orphans};
use crate::sql::values::{Id, Time};

#[derive(QueryableByName)]
struct Orphan {
    #[diesel(sql_type = PgUuid)]
    id: Id,
    #[diesel(sql_type = PgUuid)]
    owner: Id,
    #[diesel(sql_type = BigInt)]
    question_tokens: i64,
}

/// Closes what the dead left running, in one transaction; reapers that come at once pass over each other's turns.
pub(super) fn reap(connection: &mut PgConnection, by: Id, at: Time) -> QueryResult<Vec<Id>> {
    connection.transaction(|connection| {
        let orphans: Vec<Orphan> =
            diesel::sql_query(include_str!("orphans.sql")).bind::<PgUuid, _>(by).load(connection)?;
        let a_day_ago = now.into_sql::<Timestamptz>() - TimeDelta::days(1).into_sql::<Interval>();
        diesel::delete(replicas::table.filter(replicas::lease_until.lt(a_day_ago))).execute(connection)?;
        // A beat that the store took late, or that waited for a reaper, may have left pieces of a turn that had ended.
        diesel::sql_query(include_str!("sweep.sql")).execute(connection)?;
        if orphans.is_empty() {
            return Ok(Vec::new());
        }
        let orphans: Vec<OrphanRow> = orphans
            .into_iter()
            .map(|Orphan { id, owner, question_tokens }| OrphanRow { id, owner, question_tokens })
            .collect();
        let pieces: Vec<PieceRow> = turn_pieces::table
            .filter(turn_pieces::turn_id.eq_any(orphans.iter().map(|orphan| orphan.id)))
            .order((turn_pieces::turn_id, turn_pieces::part_index, turn_pieces::start_byte))
            .load(connection)?;
        let ends =
            close_orphans(&orphans, &pieces, at).map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
        store_ends(connection, &ends)
    })
}
