use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;

use super::{AcceptError, Cancellation, Position, Told, Transcript, TurnPlan};
use crate::Unexpected;
use crate::conversation::Turn;
use crate::id::{ConversationId, TurnId, UserId};
use crate::throttle::StreamPermit;

/// A turn that has ended, as its asker is told.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The turn.
    pub turn: Turn,
    /// When to try again, if it failed and the engine said so.
    pub retry_after: Option<Duration>,
}

/// What somebody who reads a turn along is told.
#[derive(Clone, Debug)]
pub struct TurnEvent {
    /// Where the reader stands after it.
    pub position: Position,
    /// What happened.
    pub kind: TurnEventKind,
}

/// What happens in a turn.
#[derive(Clone, Debug)]
pub enum TurnEventKind {
    /// There is more of the answer.
    Told(Told),
    /// The turn has ended and its end is stored. Nothing comes after it. A reader who had more than is stored, because
    /// the process that ran the turn died, must cut what it has.
    Ended(Box<Finished>),
}

/// A turn, read along. A stream that ends without [`TurnEventKind::Ended`] was cut off: the turn may go on, and can be
/// read on from the last position.
pub type TurnEvents = BoxStream<'static, TurnEvent>;

/// The most text of one event, in bytes: what a reader that has stalled holds of an answer.
const MAX_TEXT: usize = 4 * 1024;

impl Transcript {
    /// What comes after `from`, as an event; `None` if there is nothing yet.
    pub fn event_after(&self, from: Position) -> Option<TurnEvent> {
        let (told, position) = self.after(from, MAX_TEXT)?;
        Some(TurnEvent { position, kind: TurnEventKind::Told(told) })
    }
}

impl Finished {
    /// The transcript of what is stored.
    pub fn transcript(&self) -> Transcript {
        self.turn.state.answer().map(Transcript::of).unwrap_or_default()
    }

    /// The event that ends the turn.
    pub fn into_event(self) -> TurnEvent {
        TurnEvent { position: self.transcript().end(), kind: TurnEventKind::Ended(Box::new(self)) }
    }

    /// All events after `from` of a turn that has ended.
    pub fn into_events(self, from: Position) -> impl Iterator<Item = TurnEvent> + Send {
        let transcript = self.transcript();
        let mut at = from;
        let told = std::iter::from_fn(move || {
            let event = transcript.event_after(at)?;
            at = event.position;
            Some(event)
        });
        told.chain(std::iter::once_with(|| self.into_event()))
    }
}

/// Somebody's place among the readers of a turn. Dropping it, or what it was turned into, is going away.
pub trait TurnReader: Send {
    /// Resolves once the turn has ended and its end is stored.
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>>;

    /// What happens after `from`.
    fn events(self: Box<Self>, from: Position) -> TurnEvents;
}

/// A turn that runs whether somebody waits for it or not.
pub struct RunningTurn {
    /// The turn.
    pub turn_id: TurnId,
    /// Where it is said.
    pub conversation_id: ConversationId,
    /// The asker's place among its readers.
    pub reader: Box<dyn TurnReader>,
}

impl RunningTurn {
    /// The same, whose reader counts as one for as long as there is something to read.
    pub(super) fn under(self, permit: StreamPermit) -> Self {
        let Self { turn_id, conversation_id, reader } = self;
        Self { turn_id, conversation_id, reader: Box::new(CountedReader { reader, permit }) }
    }
}

/// A reader with a place among those that its user may have at once.
struct CountedReader {
    reader: Box<dyn TurnReader>,
    permit: StreamPermit,
}

impl TurnReader for CountedReader {
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>> {
        let Self { reader, permit } = *self;
        Box::pin(async move {
            let finished = reader.finished().await;
            drop(permit);
            finished
        })
    }

    fn events(self: Box<Self>, from: Position) -> TurnEvents {
        counted(self.reader.events(from), self.permit)
    }
}

/// The events, under a permit that is given back with the last one, or when nobody reads any more.
pub(super) fn counted(events: TurnEvents, mut permit: StreamPermit) -> TurnEvents {
    let told = events.inspect(move |event| {
        if matches!(event.kind, TurnEventKind::Ended(_)) {
            permit.release();
        }
    });
    told.boxed()
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
    /// From the first poll on it MUST go on by itself: a caller who drops the future, or the reader in
    /// [`RunningTurn`], changes nothing, unless the plan says [`super::OnDisconnect::Cancel`]. A conversation that is
    /// busy is refused, or the turn that runs there is cancelled first, as [`TurnPlan::on_busy`] has it.
    async fn start(&self, plan: TurnPlan) -> Result<Started, AcceptError>;
}

/// Port: turns that run, wherever they do: reading them along, and stopping them.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait LiveTurns: Send + Sync {
    /// What happens in a turn after `from`; whose it is has been checked. It MUST be told to the end also where the turn
    /// has ended meanwhile, without a gap and without a repeat, whichever process runs it.
    fn follow(&self, turn: TurnId, from: Position) -> TurnEvents;

    /// Stops a turn of the owner's, in whichever process it runs; what there is of the answer is kept. `None` if the
    /// owner has no such turn.
    async fn cancel(&self, owner: UserId, turn: TurnId) -> Result<Option<Cancellation>, Unexpected>;
}
