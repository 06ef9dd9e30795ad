use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text, Uuid as PgUuid};
use domain::chat::Piece;
use uuid::Uuid;

use super::writer::Write;

/// Appends pieces of running turns: one statement for the whole batch.
///
/// A piece whose acknowledgement was lost comes again with what has been said since: the longer one counts.
/// That a turn runs is read off its missing end, as in `finish.sql`.
pub(super) struct Append;

impl Write for Append {
    type Item = Piece;
    type Outcome = ();

    fn write(&self, connection: &mut PgConnection, pieces: &[Piece]) -> QueryResult<Vec<()>> {
        let columns = AppendPieces {
            turn_ids: pieces.iter().map(|piece| piece.turn_id.as_uuid()).collect(),
            starts: pieces.iter().map(|piece| i64::try_from(piece.offset).unwrap_or(i64::MAX)).collect(),
            texts: pieces.iter().map(|piece| piece.text.clone()).collect(),
        };
        columns.execute(connection)?;
        Ok(vec![(); pieces.len()])
    }
}

#[derive(QueryId)]
struct AppendPieces {
    turn_ids: Vec<Uuid>,
    starts: Vec<i64>,
    texts: Vec<String>,
}

impl RunQueryDsl<PgConnection> for AppendPieces {}

impl QueryFragment<Pg> for AppendPieces {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO turn_pieces (turn_id, start_byte, text) SELECT i.turn_id, i.start_byte, i.text FROM unnest(",
        );
        out.push_bind_param::<Array<PgUuid>, _>(&self.turn_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.starts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.texts)?;
        out.push_sql(
            ") AS i (turn_id, start_byte, text) \
             JOIN turns t ON t.id = i.turn_id AND t.completed_at IS NULL \
             ON CONFLICT (turn_id, start_byte) DO UPDATE SET text = EXCLUDED.text \
             WHERE octet_length(EXCLUDED.text) > octet_length(turn_pieces.text)",
        );
        Ok(())
    }
}
