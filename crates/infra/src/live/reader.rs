use domain::Unexpected;
use domain::chat::{Finished, Position, TurnEvent, TurnEvents, TurnReader};
use futures_core::future::BoxFuture;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::feed::{Next, Seat};

/// The asker's place among the readers of its turn.
pub(super) struct AskersSeat {
    pub(super) seat: Seat,
    pub(super) outcome: oneshot::Receiver<Result<Finished, Unexpected>>,
    pub(super) closing: CancellationToken,
}

impl TurnReader for AskersSeat {
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>> {
        Box::pin(async move {
            let _seat = self.seat;
            self.outcome.await.unwrap_or_else(|_| Err(gone()))
        })
    }

    fn events(self: Box<Self>, from: Position) -> TurnEvents {
        events(self.seat, from, self.closing)
    }
}

/// The task ended without a word: the process is going down, or the task panicked.
pub(super) fn gone() -> Unexpected {
    Unexpected::unavailable("the turn's task has gone")
}

/// What happens after `from`, until the end, or until this process stops.
pub(super) fn events(seat: Seat, from: Position, closing: CancellationToken) -> TurnEvents {
    let changes = seat.feed().changes();
    let reader = Reader { seat, position: from, changes, closing, has_ended: false };
    stream::unfold(reader, Reader::next).boxed()
}

struct Reader {
    seat: Seat,
    position: Position,
    changes: watch::Receiver<()>,
    closing: CancellationToken,
    has_ended: bool,
}

impl Reader {
    async fn next(mut self) -> Option<(TurnEvent, Self)> {
        while !self.has_ended {
            // What changes from here on wakes again, so that nothing is missed between looking and waiting.
            self.changes.mark_unchanged();
            match self.seat.feed().after(self.position) {
                Next::Event(event) => {
                    self.position = event.position;
                    return Some((event, self));
                }
                Next::Last(event) => {
                    self.has_ended = true;
                    return Some((event, self));
                }
                Next::Gone => return None,
                Next::Nothing => {}
            }
            tokio::select! {
                // A turn that ends because the process stops is told to its end.
                biased;
                changed = self.changes.changed() => changed.ok()?,
                () = self.closing.cancelled() => return None,
            }
        }
        None
    }
}
