use diesel::prelude::*;
use domain::chat::{Course, Followed, Following};
use domain::id::TurnId;

use crate::sql::rows::{PieceRow, TurnRow, course, turn_columns};
use crate::sql::values::Id;
use crate::sqlite::schema::{turn_pieces, turns};
use crate::sqlite::turn::RESPONSE_SO_FAR;

/// What was found of a turn: its row, if there is one, and its pieces.
pub(super) type Look = (TurnId, Option<TurnRow>, Vec<PieceRow>);

/// How these turns stand, seen in one transaction.
pub(super) fn look(connection: &mut SqliteConnection, followed: &[Following]) -> QueryResult<Vec<Look>> {
    if followed.is_empty() {
        return Ok(Vec::new());
    }
    connection.transaction(|connection| followed.iter().map(|following| look_at(connection, following)).collect())
}

fn look_at(connection: &mut SqliteConnection, following: &Following) -> QueryResult<Look> {
    let id = Id(following.turn_id.as_uuid());
    let turn = turns::table.find(id).select(turn_columns!(turns, RESPONSE_SO_FAR));
    let turn = turn.first::<TurnRow>(connection).optional()?;
    let pieces = turn_pieces::table
        .filter(turn_pieces::turn_id.eq(id))
        .order((turn_pieces::part_index, turn_pieces::start_byte))
        .load::<PieceRow>(connection)?;
    let after = (following.after.parts, following.after.offset);
    // A piece counts by where it ends: one that was known may have grown.
    let is_new = |piece: &PieceRow| {
        let parts = usize::try_from(piece.part_index).unwrap_or_default() + usize::from(piece.part.is_some());
        (parts, usize::try_from(piece.start_byte).unwrap_or_default() + piece.text.len()) > after
    };
    Ok((following.turn_id, turn, pieces.into_iter().filter(is_new).collect()))
}

pub(super) fn courses(looks: Vec<Look>) -> Vec<Followed> {
    let followed = |(turn_id, turn, pieces): Look| {
        let course = match turn {
            None => Course::Gone,
            Some(turn) => course(Some(turn).filter(TurnRow::has_ended), pieces),
        };
        Followed { turn_id, course }
    };
    looks.into_iter().map(followed).collect()
}
