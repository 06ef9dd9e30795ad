use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::future::BoxFuture;

use super::{AcceptError, TurnPlan};
use crate::Unexpected;
use crate::conversation::Turn;
use crate::id::{ConversationId, TurnId};

/// A turn that has ended, as its asker is told.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The turn.
    pub turn: Turn,
    /// When to try again, if it failed and the engine said so.
    pub retry_after: Option<Duration>,
}

/// A turn that runs whether somebody waits for it or not.
pub struct RunningTurn {
    /// The turn.
    pub turn_id: TurnId,
    /// Where it is said.
    pub conversation_id: ConversationId,
    /// Resolves once the turn has ended and its end is stored. Dropping it stops nothing.
    pub finished: BoxFuture<'static, Result<Finished, Unexpected>>,
}

impl fmt::Debug for RunningTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningTurn").field("turn_id", &self.turn_id).finish_non_exhaustive()
    }
}

/// What came of a plan.
#[derive(Debug)]
pub enum Started {
    /// The question is stored and is being answered.
    Running(RunningTurn),
    /// The same request has been answered before, with this turn.
    Replayed(Box<Turn>),
}

/// Port: what accepts a question, asks the engine and stores the outcome.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TurnRunner: Send + Sync {
    /// Accepts the plan's question and starts the answer.
    ///
    /// From the first poll on it MUST go on by itself: a caller who drops the future, or the one in
    /// [`RunningTurn`], changes nothing.
    async fn start(&self, plan: TurnPlan) -> Result<Started, AcceptError>;
}
