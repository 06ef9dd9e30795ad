use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// The most items of one batch.
const MAX_BATCH: usize = 64;

/// A thread of its own that takes what concurrent callers have queued and does it in one go.
///
/// It never waits to fill a batch: under light load a batch is one item, and latency is that of a single
/// statement; under heavy load the cost of a commit is shared. The thread ends when the writer is dropped.
pub(crate) struct BatchWriter<I, O> {
    queue: mpsc::Sender<Queued<I, O>>,
    patience: Duration,
}

struct Queued<I, O> {
    item: I,
    reply: oneshot::Sender<O>,
}

/// Why an item was not done, as far as its caller can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The queue was full; nothing was done.
    #[error("too much is waiting to be written")]
    Full,
    /// The writer stopped; what became of the item is not known.
    #[error("the writer has stopped")]
    Stopped,
    /// It did not come to an end in time; what becomes of the item is not known.
    #[error("the store is silent")]
    Silent,
}

impl<I: Send + 'static, O: Send + 'static> BatchWriter<I, O> {
    /// Starts the thread. `write` gets one to 64 items and answers them in the same order. Who has waited for
    /// `patience` waits no longer.
    ///
    /// # Errors
    /// The operating system refused a thread.
    pub(crate) fn start<W>(name: &str, capacity: usize, patience: Duration, mut write: W) -> std::io::Result<Self>
    where
        W: FnMut(Vec<I>) -> Vec<O> + Send + 'static,
    {
        let writer = name.to_owned();
        let (queue, mut queued) = mpsc::channel::<Queued<I, O>>(capacity.max(1));
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut batch = Vec::with_capacity(MAX_BATCH);
            let sizes = metrics::histogram!("colloquy_journal_batch_size", "writer" => writer);
            while queued.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
                // Of those who no longer wait, each was told that nobody knows what becomes of the item.
                let awaited = batch.drain(..).filter(|queued| !queued.reply.is_closed());
                let (items, replies): (Vec<I>, Vec<_>) = awaited.map(|q| (q.item, q.reply)).unzip();
                if items.is_empty() {
                    continue;
                }
                sizes.record(u32::try_from(items.len()).unwrap_or(u32::MAX));
                // A panic costs the callers of this batch an answer, and nobody else anything.
                let Ok(outcomes) = catch_unwind(AssertUnwindSafe(|| write(items))) else { continue };
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // A caller who no longer waits needs no answer; what was written stays written.
                    drop(reply.send(outcome));
                }
            }
        })?;
        Ok(Self { queue, patience })
    }

    /// Queues the item and waits until its batch is done.
    pub(crate) async fn write(&self, item: I) -> Result<O, Refusal> {
        let (reply, outcome) = oneshot::channel();
        self.queue.try_send(Queued { item, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Full,
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopped,
        })?;
        let outcome = tokio::time::timeout(self.patience, outcome).await.map_err(|_| Refusal::Silent)?;
        outcome.map_err(|_| Refusal::Stopped)
    }
}
