use std::sync::Arc;
use std::time::Duration;

use domain::Unexpected;
use domain::chat::{Beat, News, Piece, Position, ReplicaLease};
use domain::clock::Clock;
use domain::id::ReplicaId;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use super::feeds::Feeds;
use super::metrics;
use super::{LiveRunner, WatchedCredentials};

/// How often this process shows that it is alive.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatSettings {
    /// How long others believe it alive without hearing from it.
    pub lease: Duration,
    /// How often it stores what its turns have, and hears what concerns it.
    pub tick: Duration,
}

/// The pulse of this process: one batched exchange with the store at every tick. It renews the lease, stores what has
/// come of running turns, and hears of turns to stop, of sessions and keys that are over and of turns that are followed here; a
/// few times a lease it closes the turns of the dead.
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
        settings: HeartbeatSettings,
        replica: ReplicaId,
        leases: Arc<dyn ReplicaLease>,
        runner: &LiveRunner,
        credentials: WatchedCredentials,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Unexpected> {
        let feeds = runner.feeds().clone();
        let mut pulse =
            Pulse { settings, replica, leases: leases.clone(), feeds, credentials, clock, lease: Lease::new() };
        pulse.tell(Some(settings.lease), Vec::new()).await?;
        pulse.reap().await?;
        pulse.lease = Lease::new();
        let stop = CancellationToken::new();
        let task = runner.runtime().spawn(pulse.run(stop.clone()));
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
    feeds: Arc<Feeds>,
    credentials: WatchedCredentials,
    clock: Arc<dyn Clock>,
    lease: Lease,
}

/// What this process knows of its own lease.
struct Lease {
    /// From when on it holds.
    renewed: Instant,
    /// When the store was away, every lease may have run out: others get the time of one to renew theirs.
    reap_from: Instant,
}

impl Lease {
    fn new() -> Self {
        Self { renewed: Instant::now(), reap_from: Instant::now() }
    }
}

impl Pulse {
    async fn run(mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.settings.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                due = ticks.tick() => self.beat(due).await,
                // Whoever begins to read a turn of another process need not wait for the next tick.
                () = self.feeds.new.notified() => self.look().await,
                () = stop.cancelled() => return,
            }
        }
    }

    async fn beat(&mut self, due: Instant) {
        let asked = Instant::now();
        let renews = self.lease.renewed.elapsed() >= self.settings.lease / 4;
        let on_their_way = self.take_pieces();
        let is_idle =
            self.feeds.own().is_empty() && self.feeds.followed().is_empty() && self.credentials.ids().is_empty();
        if is_idle && on_their_way.is_empty() && !renews {
            return;
        }
        let pieces = on_their_way.iter().flat_map(|(_, pieces, _)| pieces.iter().cloned()).collect();
        let told = self.tell(renews.then_some(self.settings.lease), pieces).await;
        metrics::beat(asked - due, asked.elapsed(), told.is_ok());
        for (feed, _, until) in on_their_way {
            feed.landed(told.is_ok().then_some(until));
        }
        match told {
            Ok(()) if renews => self.renewed(asked).await,
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the store could not be told that this process lives, and what it has");
                self.lease.reap_from = Instant::now() + self.settings.lease;
            }
        }
    }

    /// The lease holds from when it was written, which may have been as early as it was asked for.
    async fn renewed(&mut self, asked: Instant) {
        if self.lease.renewed.elapsed() >= self.settings.lease {
            // This process was suspended, and others may have been as well.
            tracing::warn!("the lease had run out before it was renewed");
            self.lease.reap_from = Instant::now() + self.settings.lease;
        }
        self.lease.renewed = asked;
        if asked.elapsed() > self.settings.lease / 2 {
            tracing::warn!("the store took long to renew the lease");
            self.lease.reap_from = Instant::now() + self.settings.lease;
        }
        if Instant::now() >= self.lease.reap_from
            && let Err(error) = self.reap().await
        {
            tracing::warn!(%error, "the turns of dead processes could not be closed");
        }
    }

    fn take_pieces(&self) -> Vec<(Arc<Feed>, Vec<Piece>, Position)> {
        let with_pieces = |feed: Arc<Feed>| feed.take_pieces().map(|(pieces, until)| (feed, pieces, until));
        self.feeds.own().into_iter().filter_map(with_pieces).collect()
    }

    /// Tells the store, and passes on what it says.
    async fn tell(&self, lease: Option<Duration>, pieces: Vec<Piece>) -> Result<(), Unexpected> {
        let (credentials, followed) = (self.credentials.ids(), self.feeds.followed());
        let beat = Beat { replica: self.replica, lease, pieces, credentials, followed };
        let News { cancelled, ended, followed } = self.leases.beat(beat).await?;
        for turn in cancelled {
            if let Some(feed) = self.feeds.own_turn(turn) {
                feed.stop().cancel();
            }
        }
        for credential in ended {
            self.credentials.end(credential);
        }
        self.feeds.hear(followed);
        Ok(())
    }

    /// A look between two ticks.
    async fn look(&self) {
        if let Err(error) = self.tell(None, Vec::new()).await {
            tracing::warn!(%error, "the store could not be asked for the turns that are followed");
        }
    }

    async fn reap(&self) -> Result<(), Unexpected> {
        let reaped = self.leases.reap(self.replica, self.clock.now()).await?;
        if !reaped.is_empty() {
            metrics::reaped(reaped.len());
            tracing::warn!(turns = reaped.len(), "closed turns that a dead process had left running");
        }
        Ok(())
    }
}
