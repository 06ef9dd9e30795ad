//! The turn journal: every write of a turn goes through the one writer, which batches whatever is queued.

mod accept;
mod claim;
mod finish;
mod target;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, FinishedTurn, NewTurn, Settlement, TurnJournal};

use super::writer::Writer;
use crate::sql::rows::FinishedRow;

pub(super) use finish::finish as store_end;

/// The turn journal in SQLite.
pub(super) struct Journal(pub Writer);

#[async_trait]
impl TurnJournal for Journal {
    async fn accept(&self, turn: NewTurn) -> Result<Acceptance, AcceptError> {
        self.0.write(move |connection| accept::accept(connection, &turn)).await?.into_result()
    }

    async fn finish(&self, turn: FinishedTurn) -> Result<Settlement, Unexpected> {
        let row = FinishedRow::try_from(turn)?;
        Ok(self.0.write(move |connection| finish::finish(connection, &row)).await?)
    }
}
