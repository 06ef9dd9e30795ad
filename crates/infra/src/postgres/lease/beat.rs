use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Interval, Jsonb, Nullable, Text, Uuid as PgUuid};

use crate::sql::rows::PieceRow;
use crate::sql::values::{Id, Json};

/// What the process tells and asks, in one statement however much it is.
pub(super) struct Told {
    pub replica: Id,
    pub lease: Option<Duration>,
    pub pieces: Vec<PieceRow>,
    /// Sessions and keys.
    pub watched: Vec<Id>,
}

/// What it hears.
#[derive(Default)]
pub(super) struct Heard {
    pub turns: Vec<Id>,
    /// Of those that are watched.
    pub ended: HashSet<Id>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = PgUuid)]
    id: Id,
    #[diesel(sql_type = Bool)]
    is_credential: bool,
}

impl Told {
    pub(super) fn tell(&self, connection: &mut PgConnection) -> QueryResult<Heard> {
        let column = |column: fn(&PieceRow) -> Id| self.pieces.iter().map(column).collect::<Vec<_>>();
        let rows: Vec<Row> = diesel::sql_query(include_str!("beat.sql"))
            .bind::<PgUuid, _>(self.replica)
            .bind::<Nullable<Interval>, _>(self.lease.and_then(|lease| TimeDelta::from_std(lease).ok()))
            .bind::<Array<PgUuid>, _>(column(|piece| piece.turn_id))
            .bind::<Array<Integer>, _>(self.pieces.iter().map(|piece| piece.part_index).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(self.pieces.iter().map(|piece| piece.start_byte).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(self.pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>())
            .bind::<Array<Nullable<Jsonb>>, _>(
                self.pieces.iter().map(|piece| piece.part.as_ref()).collect::<Vec<Option<&Json>>>(),
            )
            .bind::<Array<PgUuid>, _>(self.watched.as_slice())
            .load(connection)?;
        let mut heard = Heard::default();
        for Row { id, is_credential } in rows {
            if is_credential { heard.ended.extend([id]) } else { heard.turns.push(id) }
        }
        Ok(heard)
    }
}
