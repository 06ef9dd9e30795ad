use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::chat::ReplicaLease;
use domain::clock::Clock;
use domain::id::ReplicaId;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::LiveRunner;

/// How often this process shows that it is alive.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatSettings {
    /// How long others believe it alive without hearing from it.
    pub lease: Duration,
    /// How often running turns store what they have.
    pub tick: Duration,
}

/// The pulse of this process: renews its lease, closes the turns of the dead, beats for running turns.
pub struct Heartbeat {
    stop: CancellationToken,
    task: JoinHandle<()>,
    leases: Arc<dyn ReplicaLease>,
    replica: ReplicaId,
}

impl Heartbeat {
    /// Takes the lease, closes the turns that dead processes left running, and goes on doing so.
    ///
    /// # Errors
    /// The store could not be written to.
    pub async fn start(
        runtime: &Handle,
        settings: HeartbeatSettings,
        replica: ReplicaId,
        leases: Arc<dyn ReplicaLease>,
        runner: LiveRunner,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Unexpected> {
        let pulse = Pulse { settings, replica, leases: leases.clone(), clock };
        pulse.leases.renew(replica, settings.lease).await?;
        pulse.reap().await?;
        let stop = CancellationToken::new();
        let task = runtime.spawn(pulse.run(runner, stop.clone()));
        Ok(Self { stop, task, leases, replica })
    }

    /// Stops, and gives the lease up: what still runs here is closed by whoever looks next.
    pub async fn stop(self) {
        self.stop.cancel();
        // The task ends at the token, or has panicked; either way it beats no more.
        drop(self.task.await);
        if let Err(error) = self.leases.release(self.replica).await {
            tracing::warn!(%error, "the lease could not be given up; it will run out");
        }
    }
}

struct Pulse {
    settings: HeartbeatSettings,
    replica: ReplicaId,
    leases: Arc<dyn ReplicaLease>,
    clock: Arc<dyn Clock>,
}

impl Pulse {
    async fn run(self, runner: LiveRunner, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.settings.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        // When the store was away, every lease may have run out: others get the time of one to renew theirs.
        let mut reap_from = Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            runner.beat();
            if renewed.elapsed() < self.settings.lease / 4 {
                continue;
            }
            let asked = Instant::now();
            if let Err(error) = self.leases.renew(self.replica, self.settings.lease).await {
                tracing::warn!(%error, "the lease could not be renewed");
                reap_from = Instant::now() + self.settings.lease;
                continue;
            }
            // It holds from when it was written, which may have been as early as it was asked for.
            renewed = asked;
            if renewed.elapsed() > self.settings.lease / 2 {
                tracing::warn!("the store took long to renew the lease");
                reap_from = Instant::now() + self.settings.lease;
            }
            if Instant::now() >= reap_from
                && let Err(error) = self.reap().await
            {
                tracing::warn!(%error, "the turns of dead processes could not be closed");
            }
        }
    }

    async fn reap(&self) -> Result<(), Unexpected> {
        let reaped = self.leases.reap(self.replica, self.clock.now()).await?;
        if !reaped.is_empty() {
            tracing::warn!(turns = reaped.len(), "closed turns that a dead process had left running");
        }
        Ok(())
    }
}
