use std::sync::Arc;

use super::{Cancellation, Finished, LiveTurns, Position, TurnEvents};
use crate::Unexpected;
use crate::access::Principal;
use crate::clock::Clock;
use crate::conversation::{Turn, TurnRepository, TurnState};
use crate::id::TurnId;

/// A turn, and what happens in it.
pub struct Read {
    /// The turn, as it was when reading began.
    pub turn: Turn,
    /// What happens.
    pub events: TurnEvents,
}

/// Use case: reading turns along while they run, and stopping them. Callers see their own only.
#[derive(Clone)]
pub struct ReadingService {
    turns: Arc<dyn TurnRepository>,
    live: Arc<dyn LiveTurns>,
    clock: Arc<dyn Clock>,
}

impl ReadingService {
    /// The use case over these ports.
    pub fn new(turns: Arc<dyn TurnRepository>, live: Arc<dyn LiveTurns>, clock: Arc<dyn Clock>) -> Self {
        Self { turns, live, clock }
    }

    /// What happens after `from` in the caller's turn of that id; `None` if there is no such turn.
    pub async fn read(&self, caller: &Principal, id: TurnId, from: Position) -> Result<Option<Read>, Unexpected> {
        let found = self.turns.find(caller.user_id, id, self.clock.now()).await?;
        Ok(found.map(|turn| self.events_of(turn, from)))
    }

    /// What happens after `from` in a turn of the caller's that was just looked up.
    pub fn events_of(&self, turn: Turn, from: Position) -> Read {
        let events: TurnEvents = match turn.state {
            TurnState::Running { .. } => self.live.follow(turn.id, from),
            TurnState::Completed(_) | TurnState::Incomplete(..) | TurnState::Cancelled(_) | TurnState::Failed(_) => {
                let finished = Finished { turn: turn.clone(), retry_after: None };
                Box::pin(futures_util::stream::iter(finished.into_events(from)))
            }
        };
        Read { turn, events }
    }

    /// Stops the caller's turn of that id; `None` if there is no such turn.
    pub async fn cancel(&self, caller: &Principal, id: TurnId) -> Result<Option<Cancellation>, Unexpected> {
        self.live.cancel(caller.user_id, id).await
    }
}
