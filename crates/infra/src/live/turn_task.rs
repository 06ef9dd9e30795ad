use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::chat::{
    AcceptError, Acceptance, AcceptedTurn, EngineError, EngineErrorKind, EngineRequest, Finished, FinishedTurn,
    NewTurn, OnBusy, OnDisconnect, Position, RunningTurn, Settlement, Started, StreamEnd, TurnPlan,
};
use domain::conversation::{Failure, TurnState};
use domain::id::{TurnId, UserId};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::feed::Feed;
use super::metrics;
use super::reader::{AskersSeat, events};
use super::runner::{LivePorts, Shared};

/// Who waits for the answer, if anybody still does.
type Waiter = oneshot::Sender<Result<Finished, Unexpected>>;
/// Who waits to hear whether the question was accepted.
type Doorkeeper = oneshot::Sender<Result<Started, AcceptError>>;

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// How long after the store was last out of reach a statement from before may still be committed there.
const LATE_COMMIT: Duration = Duration::from_secs(30);
/// How often an outcome is offered to a store that says it will never take it: it may be mistaken.
const HARD_TRIES: u32 = 6;
/// The longest that pieces are on their way to the store.
const IN_FLIGHT: Duration = Duration::from_secs(15);
/// How long a question waits for the turn that it interrupts: one whose process died is closed when its lease is over.
const INTERRUPTING: Duration = Duration::from_secs(20);

/// What there is of a question that may have been accepted.
enum Lookup {
    Nothing,
    Runs(Box<AcceptedTurn>),
    /// It has ended, or runs no longer here.
    Over,
}

/// The life of one turn: accept, generate, store.
pub(super) struct TurnTask {
    pub(super) shared: Arc<Shared>,
}

impl TurnTask {
    pub(super) async fn run(self, plan: TurnPlan, started: Doorkeeper) {
        let mut plan = plan;
        match self.accept(&mut plan).await {
            Ok(Acceptance::Accepted(turn)) => self.answer(plan, turn, Some(started)).await,
            Err(error @ AcceptError::Undecided(_)) => {
                drop(started.send(Err(error)));
                // Nobody waits for this, a server that is being stopped neither: it gives its lease up.
                tokio::spawn(self.recover(plan).in_current_span());
            }
            // Whoever asked may have gone; who has not may want the place at once, to read what there is.
            Ok(Acceptance::Replayed(turn)) => {
                drop(plan);
                drop(started.send(Ok(Started::Replayed(turn))));
            }
            Err(error) => {
                drop(plan);
                drop(started.send(Err(error)));
            }
        }
    }

    /// Has the question answered and the answer stored, once it is accepted.
    async fn answer(self, plan: TurnPlan, mut turn: AcceptedTurn, started: Option<Doorkeeper>) {
        let began = Instant::now();
        let _running = metrics::Running::begin();
        let clock = &self.shared.ports.clock;
        let (request, generation) = plan.begin(&mut turn, clock.now());
        let feed = Feed::generating(turn.id, generation, plan.on_disconnect);
        let registered = self.shared.feeds.register(feed.clone());
        let (waiter, outcome) = oneshot::channel();
        let reader = AskersSeat { seat: feed.seat(), outcome, closing: self.shared.closing.clone() };
        let (turn_id, conversation_id) = (turn.id, turn.conversation_id);
        let running = RunningTurn { turn_id, conversation_id, reader: Box::new(reader) };
        // Whoever asked may have gone; then this is the moment at which nobody reads any more.
        match started {
            Some(started) => drop(started.send(Ok(Started::Running(running)))),
            None => drop(running),
        }

        let end = AssertUnwindSafe(self.generate(request, &feed, began)).catch_unwind().await;
        let end = end.unwrap_or_else(|_| {
            let panicked = EngineError::new(EngineErrorKind::BadResponse, "the engine panicked");
            StreamEnd::Failed(logged(panicked))
        });
        drop(plan.permit);
        // From here on no piece of it is taken, and what was taken must not arrive after its end. Should the heart have
        // stopped in mid-beat, nothing lands any more; late pieces do less harm than no end.
        let Some(outcome) = feed.conclude(end) else { return };
        drop(tokio::time::timeout(IN_FLIGHT, feed.settled()).await);
        let finished = FinishedTurn {
            id: turn.id,
            replica: plan.turn.replica,
            state: outcome.state.clone(),
            model: outcome.model.clone(),
            completed_at: clock.now(),
        };
        let completed_at = finished.completed_at;
        let user = plan.turn.user_id;
        let as_told = move || Finished {
            turn: plan.turn.into_turn(&turn, completed_at, &outcome),
            retry_after: outcome.retry_after,
        };
        if let Some(stored) = self.store(finished, user, as_told, &feed, waiter).await {
            metrics::turn_ended(&stored, began.elapsed());
        }
        drop(registered);
    }

    /// Stores the question; where the plan says so, in the place of the turn that runs there. If somebody else's question
    /// is faster, that one is not interrupted as well.
    async fn accept(&self, plan: &mut TurnPlan) -> Result<Acceptance, AcceptError> {
        let journal = &self.shared.ports.journal;
        let running = match journal.accept(plan.turn.clone()).await {
            Err(AcceptError::ConversationBusy { running }) if plan.on_busy == OnBusy::Interrupt => running,
            accepted => return accepted,
        };
        self.interrupt(&plan.turn, running).await?;
        plan.turn.entry_time = self.shared.ports.clock.now();
        journal.accept(plan.turn.clone()).await
    }

    /// Stops the turn that runs, wherever it does, and waits for its end. Should it not end in time, or this server be
    /// stopped meanwhile, the conversation is still busy.
    async fn interrupt(&self, turn: &NewTurn, running: TurnId) -> Result<(), AcceptError> {
        tracing::debug!(%running, "interrupting");
        self.shared.cancel(turn.user_id, running).await?;
        let seat = self.shared.feeds.seat(running);
        let ended = events(seat, Position::START, self.shared.closing.clone()).count();
        tokio::select! {
            _ = ended => Ok(()),
            () = tokio::time::sleep(INTERRUPTING) => Err(AcceptError::ConversationBusy { running }),
            () = self.shared.shutdown.cancelled() => Err(AcceptError::ConversationBusy { running }),
        }
    }

    /// Whoever asked was told that nobody knows whether the question is stored. Should it be, it is answered all the same:
    /// the same request, sent again, then finds its turn. The statement that stores it may still be under way, so it is
    /// looked for until that must be over.
    async fn recover(self, plan: TurnPlan) {
        let mut pause = FIRST_RETRY;
        let mut given_up = Instant::now() + LATE_COMMIT;
        loop {
            match self.accepted_before(&plan.turn).await {
                Ok(Lookup::Runs(turn)) => {
                    tracing::info!("the question was stored, though nobody said so; it is answered now");
                    // It is a turn like any other from here on, and a stop waits for it; but nobody may be reading yet.
                    let plan = TurnPlan { on_disconnect: OnDisconnect::Continue, ..plan };
                    let tasks = self.shared.tasks.clone();
                    tasks.spawn(self.answer(plan, *turn, None).in_current_span());
                    return;
                }
                Ok(Lookup::Nothing) if Instant::now() < given_up => {}
                Err(error) if error.is_unavailable() => given_up = Instant::now() + LATE_COMMIT,
                Ok(Lookup::Nothing | Lookup::Over) | Err(_) => return,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
                () = self.shared.shutdown.cancelled() => return,
            }
        }
    }

    /// Looks for a question that may have been accepted. It is not accepted by looking: whoever asked has given up.
    async fn accepted_before(&self, turn: &NewTurn) -> Result<Lookup, Unexpected> {
        let LivePorts { journal, turns, clock, .. } = &self.shared.ports;
        match turns.find(turn.user_id, turn.id, clock.now()).await?.map(|turn| turn.state) {
            None => return Ok(Lookup::Nothing),
            Some(TurnState::Running { .. }) => {}
            Some(_) => return Ok(Lookup::Over),
        }
        match journal.accept(turn.clone()).await {
            Ok(Acceptance::Accepted(turn)) => Ok(Lookup::Runs(Box::new(turn))),
            Err(AcceptError::Undecided(error) | AcceptError::Unexpected(error)) => Err(error),
            Ok(Acceptance::Replayed(_)) | Err(_) => Ok(Lookup::Over),
        }
    }

    /// Asks the engine, and passes on what it yields. Leaving this drops its stream, which stops it.
    async fn generate(&self, request: EngineRequest, feed: &Feed, began: Instant) -> StreamEnd {
        let (stop, shutdown) = (feed.stop().cancelled(), self.shared.shutdown.cancelled());
        tokio::pin!(stop, shutdown);
        let mut stream = tokio::select! {
            stream = self.shared.ports.engine.answer(request) => match stream {
                Ok(stream) => stream,
                Err(error) => return StreamEnd::Failed(logged(error)),
            },
            () = &mut stop => return StreamEnd::Cancelled,
            () = &mut shutdown => return StreamEnd::Shutdown,
        };
        let mut has_output = false;
        loop {
            tokio::select! {
                event = stream.next() => match event {
                    Some(Ok(event)) => {
                        if !has_output && event.is_output() {
                            has_output = true;
                            metrics::first_token(began.elapsed());
                        }
                        feed.delta(event);
                    }
                    Some(Err(error)) => return StreamEnd::Failed(logged(error)),
                    None => return StreamEnd::Closed,
                },
                () = &mut stop => return StreamEnd::Cancelled,
                () = &mut shutdown => return StreamEnd::Shutdown,
            }
        }
    }

    /// Stores the outcome, for as long as that takes: an answer that was paid for is not thrown away because the
    /// store was away for a moment. Whoever waits for the whole answer is told as soon as that fails for the first
    /// time; whoever reads along waits for the end. Returns what is stored, if that is known.
    async fn store(
        &self,
        finished: FinishedTurn,
        user: UserId,
        as_told: impl FnOnce() -> Finished,
        feed: &Feed,
        waiter: Waiter,
    ) -> Option<TurnState> {
        let Shared { ports, shutdown, .. } = &*self.shared;
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
            match ports.journal.finish(finished.clone()).await {
                Ok(Settlement::Stored) => {
                    tracing::info!(status = finished.state.as_str(), "turn ended");
                    let told = as_told();
                    feed.ended(told.clone());
                    tell(Ok(told));
                    return Some(finished.state);
                }
                Ok(Settlement::Lost) => {
                    tracing::warn!("another process closed the turn; its outcome here is discarded");
                    tell(self.as_closed(finished.id, user, feed).await);
                    return None;
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
                        return self.give_up(finished, user, feed).await;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LAST_RETRY),
                () = shutdown.cancelled() => return None,
            }
        }
    }

    /// The turn as it has been closed, for whoever reads it too.
    async fn as_closed(&self, id: TurnId, user: UserId, feed: &Feed) -> Result<Finished, Unexpected> {
        let Shared { ports, .. } = &*self.shared;
        let closed = ports.turns.find(user, id, ports.clock.now()).await?;
        let turn = closed.ok_or_else(|| Unexpected::unavailable("the turn has gone"))?;
        let finished = Finished { turn, retry_after: None };
        feed.ended(finished.clone());
        Ok(finished)
    }

    /// An answer that the store will never take must not keep its conversation busy.
    async fn give_up(&self, finished: FinishedTurn, user: UserId, feed: &Feed) -> Option<TurnState> {
        let failed = FinishedTurn { state: TurnState::Failed(Failure::EngineError), ..finished };
        let (id, state) = (failed.id, failed.state.clone());
        if let Err(error) = self.shared.ports.journal.finish(failed).await {
            tracing::error!(%error, "the turn cannot even be stored as failed");
            return None;
        }
        // Whoever waits for the whole answer has been told already.
        drop(self.as_closed(id, user, feed).await);
        Some(state)
    }
}

fn logged(error: EngineError) -> EngineError {
    tracing::warn!(%error, "the engine failed");
    error
}
