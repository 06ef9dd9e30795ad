//! Work that outlives the request that asked for it.

use std::time::Duration;

use domain::Unexpected;
use domain::background::Background;
use futures_core::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Runs each piece of work in a task of its own, and knows when all of them have ended.
#[derive(Clone)]
pub struct BackgroundTasks {
    runtime: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl BackgroundTasks {
    /// Tasks that live on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Waits until all work has ended, at most `patience`; then drops the rest.
    pub async fn drain(&self, patience: Duration) {
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "work in the background was left");
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Background for BackgroundTasks {
    fn start(&self, name: &'static str, work: BoxFuture<'static, Result<(), Unexpected>>) {
        let stop = self.stop.clone();
        let task = async move {
            match stop.run_until_cancelled(work).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::error!(%error, "work in the background has failed"),
                None => tracing::warn!("work in the background was stopped with the server"),
            }
        };
        self.tasks.spawn_on(task.instrument(tracing::info_span!("background", name)), &self.runtime);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_is_waited_for() {
        let tasks = BackgroundTasks::new(Handle::current());
        let (go, gone) = oneshot::channel::<()>();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        tasks.start(
            "work",
            Box::pin(async move {
                gone.await.map_err(Unexpected::new)?;
                done.store(true, Ordering::SeqCst);
                Ok(())
            }),
        );
        go.send(()).unwrap();
        tasks.drain(Duration::from_secs(30)).await;
        assert!(is_done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn work_without_an_end_is_dropped() {
        let tasks = BackgroundTasks::new(Handle::current());
        let (held, dropped) = oneshot::channel::<()>();
        tasks.start(
            "work",
            Box::pin(async move {
                let _held = held;
                pending().await
            }),
        );
        tasks.drain(Duration::ZERO).await;
        assert!(dropped.await.is_err(), "what the work held is gone with it");
    }
}
