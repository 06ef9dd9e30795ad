use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::chat::{
    AcceptError, Acceptance, ChatEngine, EngineError, EngineErrorKind, EngineRequest, EngineStream, Finished,
    FinishedTurn, Generation, Piece, Settlement, StreamEnd, TurnJournal, TurnPlan,
};
use domain::clock::Clock;
use domain::conversation::{Failure, TurnRepository, TurnState};
use domain::id::{ConversationId, TurnId, UserId};
use futures_core::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// Who waits for the answer, if anybody still does.
type Waiter = oneshot::Sender<Result<Finished, Unexpected>>;
/// Who waits to hear whether the question was accepted; `None` says that it had been answered before.
type Doorkeeper = oneshot::Sender<Result<Option<(TurnId, ConversationId)>, AcceptError>>;

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How long after the store was last out of reach a statement from before may still be committed there.
const LATE_COMMIT: Duration = Duration::from_secs(30);
/// How often an outcome is offered to a store that says it will never take it: it may be mistaken.
const HARD_TRIES: u32 = 6;

/// The life of one turn: accept, generate, store.
pub(super) struct TurnTask {
    pub journal: Arc<dyn TurnJournal>,
    pub turns: Arc<dyn TurnRepository>,
    pub engine: Arc<dyn ChatEngine>,
    pub clock: Arc<dyn Clock>,
    pub beat: watch::Receiver<()>,
    pub shutdown: CancellationToken,
}

impl TurnTask {
    pub(super) async fn run(mut self, plan: TurnPlan, accepted: Doorkeeper, waiter: Waiter) {
        let mut turn = match self.journal.accept(plan.turn.clone()).await {
            Ok(Acceptance::Accepted(turn)) => turn,
            Ok(Acceptance::Replayed(turn)) => {
                drop(waiter.send(Ok(Finished { turn: *turn, retry_after: None })));
                drop(accepted.send(Ok(None)));
                return;
            }
            Err(error) => {
                let is_undecided = matches!(error, AcceptError::Undecided(_));
                drop(accepted.send(Err(error)));
                if is_undecided {
                    // Nobody waits for this, a server that is being stopped neither: it gives its lease up.
                    tokio::spawn(self.abandon(plan).in_current_span());
                }
                return;
            }
        };
        // Whoever asked may have gone; from here on that changes nothing.
        drop(accepted.send(Ok(Some((turn.id, turn.conversation_id)))));
        let (request, mut generation) = plan.begin(&mut turn, self.clock.now());
        let end = AssertUnwindSafe(self.generate(request, &mut generation)).catch_unwind().await;
        let end = end.unwrap_or_else(|_| {
            let panicked = EngineError::new(EngineErrorKind::BadResponse, "the engine panicked");
            StreamEnd::Failed(logged(panicked))
        });
        let outcome = generation.end(end);
        let finished = FinishedTurn {
            id: turn.id,
            replica: plan.turn.replica,
            state: outcome.state.clone(),
            model: outcome.model.clone(),
            completed_at: self.clock.now(),
        };
        let completed_at = finished.completed_at;
        let user = plan.turn.user_id;
        let as_told = move || Finished {
            turn: plan.turn.into_turn(&turn, completed_at, &outcome),
            retry_after: outcome.retry_after,
        };
        self.store(finished, user, as_told, waiter).await;
    }

    /// Whoever asked was told that it failed: should the question be stored after all, its turn is closed, so that
    /// its conversation does not stay busy and its key may be tried again. The statement that stores it may still be
    /// under way, so it is looked for until that must be over.
    async fn abandon(self, plan: TurnPlan) {
        let failed = FinishedTurn {
            id: plan.turn.id,
            replica: plan.turn.replica,
            state: TurnState::Failed(Failure::EngineUnavailable),
            model: None,
            completed_at: self.clock.now(),
        };
        let mut pause = FIRST_RETRY;
        let mut given_up = Instant::now() + LATE_COMMIT;
        loop {
            match self.journal.finish(failed.clone()).await {
                Ok(Settlement::Lost) if Instant::now() < given_up => {}
                Err(error) if error.is_unavailable() => given_up = Instant::now() + LATE_COMMIT,
                Ok(Settlement::Stored | Settlement::Lost) | Err(_) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    async fn generate(&mut self, request: EngineRequest, generation: &mut Generation) -> StreamEnd {
        let shutdown = self.shutdown.clone();
        let mut stream: EngineStream = tokio::select! {
            stream = self.engine.answer(request) => match stream {
                Ok(stream) => stream,
                Err(error) => return StreamEnd::Failed(logged(error)),
            },
            () = shutdown.cancelled() => return StreamEnd::Shutdown,
        };
        let mut appending = Appending::new(self.journal.clone());
        let end = loop {
            tokio::select! {
                event = stream.next() => match event {
                    Some(Ok(event)) => drop(generation.delta(event)),
                    Some(Err(error)) => break StreamEnd::Failed(logged(error)),
                    None => break StreamEnd::Closed,
                },
                Ok(()) = self.beat.changed() => appending.push(generation.tick()),
                () = appending.progress() => {}
                () = shutdown.cancelled() => break StreamEnd::Shutdown,
            }
        };
        drop(stream);
        appending.settle().await;
        end
    }

    /// Stores the outcome, for as long as that takes: an answer that was paid for is not thrown away because the
    /// store was away for a moment. Whoever waits is told as soon as it fails for the first time.
    async fn store(self, finished: FinishedTurn, user: UserId, as_told: impl FnOnce() -> Finished, waiter: Waiter) {
        let mut waiter = Some(waiter);
        // Only the first word counts, and nobody may be there to hear it.
        let mut tell = |told| {
            if let Some(waiter) = waiter.take() {
                drop(waiter.send(told));
            }
        };
        let mut pause = FIRST_RETRY;
        let mut tries_left = HARD_TRIES;
        loop {
            match self.journal.finish(finished.clone()).await {
                Ok(Settlement::Stored) => {
                    tracing::info!(status = finished.state.as_str(), "turn ended");
                    tell(Ok(as_told()));
                    return;
                }
                Ok(Settlement::Lost) => {
                    tracing::warn!("another process closed the turn; its outcome here is discarded");
                    tell(self.as_closed(finished.id, user).await);
                    return;
                }
                Err(error) if error.is_unavailable() => {
                    tracing::warn!(%error, "the outcome of the turn could not be stored yet");
                    tell(Err(error));
                }
                Err(error) => {
                    tracing::error!(%error, "the outcome of the turn could not be stored");
                    tell(Err(error));
                    tries_left -= 1;
                    if tries_left == 0 {
                        self.give_up(finished).await;
                        return;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
                () = self.shutdown.cancelled() => return,
            }
        }
    }

    /// The turn as another process has closed it.
    async fn as_closed(&self, id: TurnId, user: UserId) -> Result<Finished, Unexpected> {
        let closed = self.turns.find(user, id, self.clock.now()).await?;
        let turn = closed.ok_or_else(|| Unexpected::unavailable("the turn has gone"))?;
        Ok(Finished { turn, retry_after: None })
    }

    /// An answer that the store will never take must not keep its conversation busy.
    async fn give_up(&self, finished: FinishedTurn) {
        let failed = FinishedTurn { state: TurnState::Failed(Failure::EngineError), ..finished };
        if let Err(error) = self.journal.finish(failed).await {
            tracing::error!(%error, "the turn cannot even be stored as failed");
        }
    }
}

fn logged(error: EngineError) -> EngineError {
    tracing::warn!(%error, "the engine failed");
    error
}

/// Pieces on their way to the store: one write at a time, what comes meanwhile is joined to the next.
struct Appending {
    journal: Arc<dyn TurnJournal>,
    waiting: Option<Piece>,
    writing: Option<BoxFuture<'static, Result<(), Piece>>>,
}

impl Appending {
    fn new(journal: Arc<dyn TurnJournal>) -> Self {
        Self { journal, waiting: None, writing: None }
    }

    fn push(&mut self, piece: Option<Piece>) {
        self.waiting = match (self.waiting.take(), piece) {
            (Some(mut waiting), Some(piece)) => {
                waiting.text.push_str(&piece.text);
                Some(waiting)
            }
            (waiting, piece) => waiting.or(piece),
        };
        if self.writing.is_none()
            && let Some(piece) = self.waiting.take()
        {
            let journal = self.journal.clone();
            self.writing = Some(Box::pin(async move {
                let appended = journal.append(piece.clone()).await;
                appended.map_err(|error| {
                    tracing::warn!(%error, "the text so far could not be stored yet");
                    piece
                })
            }));
        }
    }

    /// Resolves when the write under way is done. What could not be written waits for the next beat.
    async fn progress(&mut self) {
        let Some(writing) = &mut self.writing else { return std::future::pending().await };
        let written = writing.await;
        self.writing = None;
        if let Err(mut failed) = written {
            if let Some(waiting) = self.waiting.take() {
                failed.text.push_str(&waiting.text);
            }
            self.waiting = Some(failed);
        }
    }

    /// A piece must not arrive after the end of its turn.
    async fn settle(mut self) {
        if self.writing.is_some() {
            self.progress().await;
        }
    }
}
