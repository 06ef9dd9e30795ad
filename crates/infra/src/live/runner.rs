use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::chat::{AcceptError, ChatEngine, RunningTurn, Started, TurnJournal, TurnPlan, TurnRunner};
use domain::clock::Clock;
use domain::conversation::TurnRepository;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::turn_task::TurnTask;

/// How long the ends of turns that are cut off may take to be stored.
const CUT_OFF: Duration = Duration::from_secs(2);

/// Runs every turn in a task of its own.
#[derive(Clone)]
pub struct LiveRunner {
    runtime: Handle,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    beat: watch::Sender<()>,
    journal: Arc<dyn TurnJournal>,
    turns: Arc<dyn TurnRepository>,
    engine: Arc<dyn ChatEngine>,
    clock: Arc<dyn Clock>,
}

impl LiveRunner {
    /// A runner whose tasks live on `runtime`.
    pub fn new(
        runtime: Handle,
        journal: Arc<dyn TurnJournal>,
        turns: Arc<dyn TurnRepository>,
        engine: Arc<dyn ChatEngine>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            runtime,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            beat: watch::Sender::new(()),
            journal,
            turns,
            engine,
            clock,
        }
    }

    /// Tells every running turn to store what it has.
    pub fn beat(&self) {
        self.beat.send_replace(());
    }

    /// How many turns run.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until every running turn has ended by itself, at most `patience`; then ends the rest as
    /// `incomplete` / `server_restart` and waits a moment until that is stored.
    pub async fn drain(&self, patience: Duration) {
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            self.shutdown.cancel();
            if tokio::time::timeout(CUT_OFF, self.tasks.wait()).await.is_err() {
                tracing::error!(turns = self.tasks.len(), "turns are left for the next process to close");
            }
        }
    }
}

#[async_trait]
impl TurnRunner for LiveRunner {
    async fn start(&self, plan: TurnPlan) -> Result<Started, AcceptError> {
        let (accepted, acceptance) = oneshot::channel();
        let (finished, outcome) = oneshot::channel();
        let task = TurnTask {
            journal: self.journal.clone(),
            turns: self.turns.clone(),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            beat: self.beat.subscribe(),
            shutdown: self.shutdown.clone(),
        };
        let span = tracing::info_span!("turn", turn_id = %plan.turn.id);
        self.tasks.spawn_on(task.run(plan, accepted, finished).instrument(span), &self.runtime);
        match acceptance.await {
            Ok(Ok(Some((turn_id, conversation_id)))) => {
                let finished = Box::pin(async move { outcome.await.unwrap_or_else(|_| Err(gone())) });
                Ok(Started::Running(RunningTurn { turn_id, conversation_id, finished }))
            }
            Ok(Ok(None)) => match outcome.await {
                Ok(Ok(replayed)) => Ok(Started::Replayed(Box::new(replayed.turn))),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(gone().into()),
            },
            Ok(Err(refused)) => Err(refused),
            Err(_) => Err(gone().into()),
        }
    }
}

/// The task ended without a word: the process is going down, or the task panicked.
fn gone() -> Unexpected {
    Unexpected::unavailable("the turn's task has gone")
}
