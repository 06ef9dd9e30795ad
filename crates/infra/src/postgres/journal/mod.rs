//! The turn journal: every write of a turn, batched.
//!
//! One writer (a thread with a connection of its own) per kind of write takes what concurrent requests have
//! queued, runs one statement over all of it in one commit, and only then answers each; see
//! docs/adr/0004-turn-journal.md. What the statement refused is looked up afterwards, one by one, to say why.

mod accept;
mod finish;
mod refusal;
mod writer;

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, FinishedTurn, NewTurn, Settlement, TurnJournal};

use super::connection::{ConnectionOptions, PgPool};
use crate::sql::SqlError;
use crate::sql::rows::FinishedRow;
use accept::Accept;
use finish::Finish;
pub(super) use finish::store_ends;
use refusal::Settled;
use writer::{Writer, start};

/// A question is refused for a reason; after so many looks that found none, the store is contended beyond use.
const ATTEMPTS: usize = 8;

/// The turn journal in PostgreSQL.
pub(super) struct Journal {
    pool: PgPool,
    accept: Writer<Accept>,
    finish: Writer<Finish>,
}

impl Journal {
    /// Starts the two writers; each queues at most `capacity` calls, each of which waits at most `patience`.
    pub(super) fn start(
        pool: PgPool,
        options: &ConnectionOptions,
        capacity: usize,
        patience: Duration,
    ) -> io::Result<Self> {
        Ok(Self {
            pool,
            accept: start("journal-accept", options.clone(), capacity, patience, Accept)?,
            finish: start("journal-finish", options.clone(), capacity, patience, Finish)?,
        })
    }
}

#[async_trait]
impl TurnJournal for Journal {
    async fn accept(&self, turn: NewTurn) -> Result<Acceptance, AcceptError> {
        let mut conversation = turn.conversation;
        for _ in 0..ATTEMPTS {
            let outcome = self.accept.write(NewTurn { conversation, ..turn.clone() }).await.map_err(SqlError::from);
            if let Some(accepted) = outcome.and_then(|outcome| outcome)? {
                return Ok(Acceptance::Accepted(accepted));
            }
            conversation = match refusal::settle(&self.pool, &turn).await? {
                Settled::As(acceptance) => return Ok(acceptance),
                Settled::TryAgain(conversation) => conversation,
            };
        }
        Err(AcceptError::Unexpected(Unexpected::unavailable("the conversation is contended")))
    }

    async fn finish(&self, turn: FinishedTurn) -> Result<Settlement, Unexpected> {
        let row = FinishedRow::try_from(turn)?;
        Ok(self.finish.write(row).await.map_err(SqlError::from).and_then(|outcome| outcome)?)
    }
}
