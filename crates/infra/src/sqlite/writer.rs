use std::any::Any;
use std::io;
use std::sync::Arc;

use diesel::connection::Connection;
use diesel::result::Error as DieselError;
use diesel::{QueryResult, SqliteConnection};

use super::connection::ConnectionOptions;
use super::lock::ServerLock;
use crate::sql::{BatchWriter, Connect, SqlError, fail_all};

/// The one writer of a database file.
///
/// Whatever concurrent callers have queued, of whatever kind, shares one transaction and one flush to disk. What
/// fails is undone without spoiling the rest.
#[derive(Clone)]
pub(super) struct Writer {
    thread: Arc<BatchWriter<Job, Result<Value, SqlError>>>,
}

/// Work that may be done again after it was undone.
type Job = Box<dyn FnMut(&mut SqliteConnection) -> QueryResult<Value> + Send>;
/// What work gave; its caller knows the type.
type Value = Box<dyn Any + Send>;

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
        let job: Job = Box::new(move |connection| Ok(Box::new(work(connection)?)));
        let value = self.thread.write(job).await??;
        value.downcast().map(|value| *value).map_err(|_| SqlError::Panicked)
    }
}

/// One transaction over all jobs. A failure of the transaction itself is everybody's.
fn commit(
    kept: &mut Option<SqliteConnection>,
    options: &ConnectionOptions,
    mut jobs: Vec<Job>,
) -> Vec<Result<Value, SqlError>> {
    let taken = kept.take().map_or_else(|| SqliteConnection::connect(options), Ok);
    let mut connection = match taken {
        Ok(connection) => connection,
        Err(error) => return fail_all(SqlError::Unreachable(error.to_string()), jobs.len()),
    };
    let committed = all_or_none(&mut connection, &mut jobs).or_else(|_| each_for_itself(&mut connection, &mut jobs));
    match committed {
        Ok(outcomes) => {
            *kept = Some(connection);
            outcomes
        }
        // Whatever state this connection is in, the next one has none.
        Err(error) => fail_all(error.into(), jobs.len()),
    }
}

type Outcomes = QueryResult<Vec<Result<Value, SqlError>>>;

fn all_or_none(connection: &mut SqliteConnection, jobs: &mut [Job]) -> Outcomes {
    connection.immediate_transaction(|connection| jobs.iter_mut().map(|job| job(connection).map(Ok)).collect())
}

/// A savepoint for each, so that what fails hurts only its caller.
fn each_for_itself(connection: &mut SqliteConnection, jobs: &mut [Job]) -> Outcomes {
    connection.immediate_transaction(|connection| {
        let alone = |job: &mut Job| connection.transaction(|connection| job(connection)).map_err(SqlError::from);
        Ok::<_, DieselError>(jobs.iter_mut().map(alone).collect())
    })
}
