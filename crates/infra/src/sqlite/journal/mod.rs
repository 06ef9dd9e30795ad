//! The turn journal: every write of a turn goes through the one writer, which batches whatever is queued.

mod accept;
mod finish;

use async_trait::async_trait;
use diesel::prelude::*;
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, FinishedTurn, NewTurn, Piece, Settlement, TurnJournal};

use super::schema::{turn_pieces, turns};
use super::writer::Writer;
use crate::sql::rows::FinishedRow;
use crate::sql::values::Id;

/// The turn journal in SQLite.
pub(super) struct Journal(pub Writer);

#[async_trait]
impl TurnJournal for Journal {
    async fn accept(&self, turn: NewTurn) -> Result<Acceptance, AcceptError> {
        self.0.write(move |connection| accept::accept(connection, &turn)).await?.into_result()
    }

    async fn append(&self, piece: Piece) -> Result<(), Unexpected> {
        let start = i64::try_from(piece.offset).map_err(Unexpected::new)?;
        let turn = Id(piece.turn_id.as_uuid());
        let append = move |connection: &mut SqliteConnection| {
            let running = turns::table.find(turn).filter(turns::status.eq("running"));
            if !diesel::select(diesel::dsl::exists(running)).get_result::<bool>(connection)? {
                return Ok(0);
            }
            diesel::insert_into(turn_pieces::table)
                .values((
                    turn_pieces::turn_id.eq(turn),
                    turn_pieces::start_byte.eq(start),
                    turn_pieces::text.eq(&piece.text),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
        };
        self.0.write(append).await?;
        Ok(())
    }

    async fn finish(&self, turn: FinishedTurn) -> Result<Settlement, Unexpected> {
        let row = FinishedRow::try_from(turn)?;
        Ok(self.0.write(move |connection| finish::finish(connection, &row)).await?)
    }
}
