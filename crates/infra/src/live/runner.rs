use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::chat::{
    AcceptError, Cancellation, ChatEngine, LiveTurns, Position, ReplicaLease, Started, TurnEvents, TurnJournal,
    TurnPlan, TurnRunner,
};
use domain::clock::Clock;
use domain::conversation::TurnRepository;
use domain::id::{TurnId, UserId};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::feeds::Feeds;
use super::reader::{events, gone};
use super::turn_task::TurnTask;

/// How long the ends of turns that are cut off may take to be stored.
const CUT_OFF: Duration = Duration::from_millis(1500);

/// What running turns need.
#[derive(Clone)]
pub struct LivePorts {
    /// Where they are stored.
    pub journal: Arc<dyn TurnJournal>,
    /// Where they are read back.
    pub turns: Arc<dyn TurnRepository>,
    /// What other processes are told, and tell.
    pub leases: Arc<dyn ReplicaLease>,
    /// What answers them.
    pub engine: Arc<dyn ChatEngine>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Runs every turn in a task of its own.
#[derive(Clone)]
pub struct LiveRunner {
    shared: Arc<Shared>,
}

/// What all turns of this process have in common.
pub(super) struct Shared {
    pub(super) ports: LivePorts,
    pub(super) feeds: Arc<Feeds>,
    /// Cancelled when turns that still run must end.
    pub(super) shutdown: CancellationToken,
    /// Cancelled when nobody can be told anything any more.
    pub(super) closing: CancellationToken,
    runtime: Handle,
    pub(super) tasks: TaskTracker,
}

impl LiveRunner {
    /// A runner whose tasks live on `runtime`.
    pub fn new(runtime: Handle, ports: LivePorts) -> Self {
        let shared = Shared {
            ports,
            feeds: Arc::default(),
            shutdown: CancellationToken::new(),
            closing: CancellationToken::new(),
            runtime,
            tasks: TaskTracker::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// How many turns run.
    pub fn running(&self) -> usize {
        self.shared.tasks.len()
    }

    /// Waits until every running turn has ended by itself, at most `patience`; then ends the rest as
    /// `incomplete` / `server_restart` and waits a moment until that is stored.
    pub async fn drain(&self, patience: Duration) {
        let Shared { tasks, shutdown, .. } = &*self.shared;
        tasks.close();
        if tokio::time::timeout(patience, tasks.wait()).await.is_err() {
            shutdown.cancel();
            if tokio::time::timeout(CUT_OFF, tasks.wait()).await.is_err() {
                tracing::error!(turns = tasks.len(), "turns are left for the next process to close");
            }
        }
    }

    /// Lets go of everybody who still reads: turns of other processes, which can be read on there.
    pub fn dismiss_readers(&self) {
        self.shared.closing.cancel();
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    pub(super) fn feeds(&self) -> &Arc<Feeds> {
        &self.shared.feeds
    }
}

#[async_trait]
impl TurnRunner for LiveRunner {
    async fn start(&self, plan: TurnPlan) -> Result<Started, AcceptError> {
        let (started, start) = oneshot::channel();
        let span = tracing::info_span!("turn", turn_id = %plan.turn.id);
        let task = TurnTask { shared: self.shared.clone() };
        self.shared.tasks.spawn_on(task.run(plan, started).instrument(span), &self.shared.runtime);
        start.await.unwrap_or_else(|_| Err(gone().into()))
    }
}

#[async_trait]
impl LiveTurns for LiveRunner {
    fn follow(&self, turn: TurnId, from: Position) -> TurnEvents {
        events(self.shared.feeds.seat(turn), from, self.shared.closing.clone())
    }

    async fn cancel(&self, owner: UserId, turn: TurnId) -> Result<Option<Cancellation>, Unexpected> {
        self.shared.cancel(owner, turn).await
    }
}

impl Shared {
    /// Notes that the owner wants the turn to stop, and stops it at once if it runs here.
    pub(super) async fn cancel(&self, owner: UserId, turn: TurnId) -> Result<Option<Cancellation>, Unexpected> {
        let noted = self.ports.leases.request_cancel(owner, turn, self.ports.clock.now()).await?;
        if let (Some(Cancellation::Requested { .. }), Some(feed)) = (noted, self.feeds.own_turn(turn)) {
            feed.stop().cancel();
        }
        Ok(noted)
    }
}
