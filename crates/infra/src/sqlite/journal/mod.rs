//! The turn journal: every write of a turn goes through the one writer, which batches whatever is queued.

mod accept;
mod claim;
mod finish;
mod target;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use diesel::prelude::*;
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, FinishedTurn, NewTurn, Piece, Settlement, TurnJournal};

use super::statement::Command;
use super::writer::Writer;
use crate::sql::rows::FinishedRow;
use crate::sql::values::Id;

const APPEND: &str = include_str!("append.sql");

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
            let values = [start.into(), piece.text.as_str().into(), turn.into()];
            Command::new(APPEND, values).execute(connection)
        };
        self.0.write(append).await?;
        Ok(())
    }

    async fn finish(&self, turn: FinishedTurn) -> Result<Settlement, Unexpected> {
        let row = FinishedRow::try_from(turn)?;
        Ok(self.0.write(move |connection| finish::finish(connection, &row)).await?)
    }
}
