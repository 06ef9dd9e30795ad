use std::io;
use std::sync::Arc;

use diesel::connection::Connection;
use diesel::result::Error as DieselError;
use diesel::{QueryResult, SqliteConnection};
use tokio::sync::oneshot;

use super::connection::ConnectionOptions;
use super::lock::ServerLock;
use crate::sql::{BatchWriter, Connect, SqlError, fail_all};

/// The one writer of a database file.
///
/// Whatever concurrent callers have queued, of whatever kind, shares one transaction and one flush to disk. Each
/// has a savepoint of its own: what fails is undone without spoiling the rest.
#[derive(Clone)]
pub(super) struct Writer {
    thread: Arc<BatchWriter<Job, Result<(), SqlError>>>,
}

/// Work whose result leaves through a channel of its own, which its caller reads only after the commit.
type Job = Box<dyn FnMut(&mut SqliteConnection) -> QueryResult<()> + Send>;

impl Writer {
    /// Starts the writer; it queues at most `capacity` calls. A server's lock is given back when the last
    /// write has been done.
    pub(super) fn start(options: ConnectionOptions, capacity: usize, lock: Option<ServerLock>) -> io::Result<Self> {
        let mut connection = None;
        let write = move |jobs: Vec<Job>| {
            let _held = &lock;
            commit(&mut connection, &options, jobs)
        };
        Ok(Self { thread: Arc::new(BatchWriter::start("sqlite-writer", capacity, write)?) })
    }

    /// Runs `work` and returns what it gave, after the commit that made it last.
    pub(super) async fn write<T, W>(&self, mut work: W) -> Result<T, SqlError>
    where
        T: Send + 'static,
        W: FnMut(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        let (result, outcome) = oneshot::channel();
        let mut result = Some(result);
        let job: Job = Box::new(move |connection| {
            let value = connection.transaction(|connection| work(connection))?;
            if let Some(result) = result.take() {
                // The caller may have gone; the work counts all the same.
                drop(result.send(value));
            }
            Ok(())
        });
        self.thread.write(job).await??;
        outcome.await.map_err(|_| SqlError::Panicked)
    }
}

/// One transaction over all jobs. A failure of the transaction itself is everybody's.
fn commit(
    kept: &mut Option<SqliteConnection>,
    options: &ConnectionOptions,
    mut jobs: Vec<Job>,
) -> Vec<Result<(), SqlError>> {
    let taken = kept.take().map_or_else(|| SqliteConnection::connect(options), Ok);
    let mut connection = match taken {
        Ok(connection) => connection,
        Err(error) => return fail_all(SqlError::Unreachable(error.to_string()), jobs.len()),
    };
    let committed = connection.immediate_transaction(|connection| {
        Ok::<_, DieselError>(jobs.iter_mut().map(|job| job(connection)).collect::<Vec<_>>())
    });
    match committed {
        Ok(outcomes) => {
            *kept = Some(connection);
            outcomes.into_iter().map(|outcome| outcome.map_err(SqlError::from)).collect()
        }
        // Whatever state this connection is in, the next one has none.
        Err(error) => fail_all(error.into(), jobs.len()),
    }
}
