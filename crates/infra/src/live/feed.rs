use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::chat::{
    Course, EngineEvent, Finished, Generation, OnDisconnect, Outcome, Piece, Position, StreamEnd, Transcript, TurnEvent,
};
use domain::id::TurnId;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// One turn as its readers see it: what has been told of it, and how it ended.
///
/// Readers are not sent anything. Each has a position, is woken when there is more, and takes what comes after its
/// position; so whoever is slow holds nothing back, and takes more at once when it comes again.
pub(super) struct Feed {
    turn: TurnId,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    landed: Notify,
    /// Cancelled when somebody wants the turn to stop.
    stop: CancellationToken,
}

struct State {
    stage: Stage,
    readers: usize,
    on_disconnect: OnDisconnect,
    /// Whether pieces of it are on their way to the store.
    is_in_flight: bool,
}

enum Stage {
    /// The answer is being made here.
    Generating(Generation),
    /// It is being made elsewhere, or has been made here and is being stored.
    Told(Transcript),
    /// It has ended so, and that is stored.
    Ended(Transcript, Box<Finished>),
    /// It cannot be read on: it is gone, or this process is.
    Gone(Transcript),
}

impl Stage {
    const fn transcript(&self) -> &Transcript {
        match self {
            Self::Generating(generation) => generation.transcript(),
            Self::Told(transcript) | Self::Ended(transcript, _) | Self::Gone(transcript) => transcript,
        }
    }
}

/// What there is for a reader.
pub(super) enum Next {
    /// This.
    Event(TurnEvent),
    /// The end: nothing comes after it.
    Last(TurnEvent),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    Gone,
}

impl Feed {
    /// The feed of a turn whose answer is being made here.
    pub(super) fn generating(turn: TurnId, generation: Generation, on_disconnect: OnDisconnect) -> Arc<Self> {
        Self::new(turn, Stage::Generating(generation), on_disconnect)
    }

    /// The feed of a turn that another process runs.
    pub(super) fn following(turn: TurnId) -> Arc<Self> {
        Self::new(turn, Stage::Told(Transcript::default()), OnDisconnect::Continue)
    }

    fn new(turn: TurnId, stage: Stage, on_disconnect: OnDisconnect) -> Arc<Self> {
        Arc::new(Self {
            turn,
            state: Mutex::new(State { stage, readers: 0, on_disconnect, is_in_flight: false }),
            changed: watch::Sender::new(()),
            landed: Notify::new(),
            stop: CancellationToken::new(),
        })
    }

    pub(super) const fn turn(&self) -> TurnId {
        self.turn
    }

    pub(super) const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Somebody takes a place among the readers.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        self.state().readers += 1;
        super::metrics::reader_came();
        Seat { feed: self.clone() }
    }

    /// Whether anybody reads along.
    pub(super) fn is_read(&self) -> bool {
        self.state().readers > 0
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().stage, Stage::Ended(..) | Stage::Gone(_))
    }

    /// What comes after `position`.
    pub(super) fn after(&self, position: Position) -> Next {
        let state = self.state();
        if let Some(event) = state.stage.transcript().event_after(position) {
            return Next::Event(event);
        }
        match &state.stage {
            Stage::Generating(_) | Stage::Told(_) => Next::Nothing,
            Stage::Ended(_, finished) => Next::Last(Finished::clone(finished).into_event()),
            Stage::Gone(_) => Next::Gone,
        }
    }

    /// How far it has come.
    pub(super) fn end(&self) -> Position {
        self.state().stage.transcript().end()
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The engine yielded something.
    pub(super) fn delta(&self, event: EngineEvent) {
        let is_news = match &mut self.state().stage {
            Stage::Generating(generation) => generation.delta(event),
            Stage::Told(_) | Stage::Ended(..) | Stage::Gone(_) => false,
        };
        if is_news {
            self.changed.send_replace(());
        }
    }

    /// What has come since it was last stored, and how far that goes; they are on their way until
    /// [`Feed::landed`] says how it went.
    pub(super) fn take_pieces(&self) -> Option<(Vec<Piece>, Position)> {
        let mut state = self.state();
        let Stage::Generating(generation) = &state.stage else { return None };
        let pieces = generation.tick();
        let until = generation.transcript().end();
        state.is_in_flight = !pieces.is_empty();
        state.is_in_flight.then_some((pieces, until))
    }

    /// The pieces that were taken are stored up to there, or could not be stored.
    pub(super) fn landed(&self, stored: Option<Position>) {
        let mut state = self.state();
        state.is_in_flight = false;
        if let (Stage::Generating(generation), Some(until)) = (&mut state.stage, stored) {
            generation.persisted(until);
        }
        drop(state);
        self.landed.notify_waiters();
    }

    /// Resolves once nothing of it is on its way: a piece must not arrive after the end of its turn.
    pub(super) async fn settled(&self) {
        loop {
            let landed = self.landed.notified();
            tokio::pin!(landed);
            // Listening begins before looking, so that nothing is missed in between.
            landed.as_mut().enable();
            if !self.state().is_in_flight {
                return;
            }
            landed.await;
        }
    }

    /// Ends the answer that is being made here. Readers hear of the end when it is stored.
    pub(super) fn conclude(&self, end: StreamEnd) -> Option<Outcome> {
        let mut state = self.state();
        match std::mem::replace(&mut state.stage, Stage::Told(Transcript::default())) {
            Stage::Generating(generation) => {
                let mut outcome = generation.end(end);
                state.stage = Stage::Told(std::mem::take(&mut outcome.told));
                Some(outcome)
            }
            concluded => {
                state.stage = concluded;
                None
            }
        }
    }

    /// The end is stored.
    pub(super) fn ended(&self, finished: Finished) {
        self.settle(|told| Stage::Ended(told, Box::new(finished)));
    }

    /// There is nobody left who could end it.
    pub(super) fn gone(&self) {
        self.settle(Stage::Gone);
    }

    /// How the turn stands in the process that runs it.
    pub(super) fn hear(&self, course: Course) {
        match course {
            Course::Running(pieces) => {
                let has_news = !pieces.is_empty();
                if let Stage::Told(transcript) = &mut self.state().stage {
                    // What comes after a gap is told again once that is filled.
                    let _contiguous = pieces.into_iter().all(|piece| transcript.append(piece.content, piece.at));
                }
                if has_news {
                    self.changed.send_replace(());
                }
            }
            Course::Ended(turn) => {
                let finished = Finished { turn: *turn, retry_after: None };
                let stored = finished.transcript();
                self.settle(|_| Stage::Ended(stored, Box::new(finished)));
            }
            Course::Gone => self.gone(),
        }
    }

    fn settle(&self, settled: impl FnOnce(Transcript) -> Stage) {
        let mut state = self.state();
        state.stage = match std::mem::replace(&mut state.stage, Stage::Told(Transcript::default())) {
            Stage::Generating(generation) => settled(generation.transcript().clone()),
            Stage::Told(told) => settled(told),
            over @ (Stage::Ended(..) | Stage::Gone(_)) => over,
        };
        drop(state);
        self.changed.send_replace(());
    }

    fn leave(&self) {
        super::metrics::reader_left();
        let mut state = self.state();
        state.readers -= 1;
        let is_unwanted = state.readers == 0
            && state.on_disconnect == OnDisconnect::Cancel
            && matches!(state.stage, Stage::Generating(_));
        drop(state);
        if is_unwanted {
            self.stop.cancel();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the readers, taken until it is dropped.
pub(super) struct Seat {
    feed: Arc<Feed>,
}

impl Seat {
    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.feed.leave();
    }
}
