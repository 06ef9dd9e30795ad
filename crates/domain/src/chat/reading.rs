use std::sync::Arc;

use super::runner::counted;
use super::{Cancellation, Finished, LiveTurns, Position, TurnEvents};
use crate::Unexpected;
use crate::access::Principal;
use crate::clock::Clock;
use crate::conversation::{Turn, TurnRepository, TurnState};
use crate::id::TurnId;
use crate::throttle::{TooManyStreams, TurnLimits};

/// A turn, and what happens in it.
pub struct Read {
    /// The turn, as it was when reading began.
    pub turn: Turn,
    /// What happens.
    pub events: TurnEvents,
}

/// Why a turn could not be read along.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The user has as many answers made or read at once as one may.
    #[error(transparent)]
    TooManyStreams(#[from] TooManyStreams),
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: reading turns along while they run, and stopping them. Callers see their own only.
#[derive(Clone)]
pub struct ReadingService {
    turns: Arc<dyn TurnRepository>,
    live: Arc<dyn LiveTurns>,
    clock: Arc<dyn Clock>,
    limits: TurnLimits,
}

impl ReadingService {
    /// The use case over these ports.
    pub fn new(turns: Arc<dyn TurnRepository>, live: Arc<dyn LiveTurns>, clock: Arc<dyn Clock>) -> Self {
        Self { turns, live, clock, limits: TurnLimits::none() }
    }

    /// The same, where users may read so many at once and no more.
    #[must_use]
    pub fn limited_by(mut self, limits: TurnLimits) -> Self {
        self.limits = limits;
        self
    }

    /// What happens after `from` in the caller's turn of that id; `None` if there is no such turn.
    pub async fn read(&self, caller: &Principal, id: TurnId, from: Position) -> Result<Option<Read>, ReadError> {
        match self.turns.find(caller.user_id, id, self.clock.now()).await? {
            Some(turn) => Ok(Some(self.events_of(turn, from).await?)),
            None => Ok(None),
        }
    }

    /// What happens after `from` in a turn that was just looked up for its owner.
    pub async fn events_of(&self, turn: Turn, from: Position) -> Result<Read, TooManyStreams> {
        let permit = self.limits.stream(turn.user_id).await?;
        let events: TurnEvents = match turn.state {
            TurnState::Running { .. } => self.live.follow(turn.id, from),
            TurnState::Completed(_) | TurnState::Incomplete(..) | TurnState::Cancelled(_) | TurnState::Failed(_) => {
                let finished = Finished { turn: turn.clone(), retry_after: None };
                Box::pin(futures_util::stream::iter(finished.into_events(from)))
            }
        };
        Ok(Read { turn, events: counted(events, permit) })
    }

    /// Stops the caller's turn of that id; `None` if there is no such turn.
    pub async fn cancel(&self, caller: &Principal, id: TurnId) -> Result<Option<Cancellation>, Unexpected> {
        self.live.cancel(caller.user_id, id).await
    }
}
