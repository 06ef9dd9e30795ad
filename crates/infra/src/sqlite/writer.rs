use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

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
    /// Starts the writer; it queues at most `capacity` calls, each of which waits at most `patience`. A server's lock
    /// is given back when the last write has been done.
    pub(super) fn start(
        options: ConnectionOptions,
        capacity: usize,
        patience: Duration,
        lock: Option<ServerLock>,
    ) -> io::Result<Self> {
        let mut connection = None;
        let write = move |jobs: Vec<Job>| {
            let _held = &lock;
            commit(&mut connection, &options, jobs)
        };
        Ok(Self { thread: Arc::new(BatchWriter::start("sqlite-writer", capacity, patience, write)?) })
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

type Outcome = Result<Value, SqlError>;

/// One transaction over all jobs. A failure of the transaction itself is everybody's.
fn commit(kept: &mut Option<SqliteConnection>, options: &ConnectionOptions, mut jobs: Vec<Job>) -> Vec<Outcome> {
    let connected = kept.take().map_or_else(|| SqliteConnection::connect(options), Ok);
    let mut connection = match connected {
        Ok(connection) => connection,
        Err(error) => return fail_all(SqlError::Unreachable(error.to_string()), jobs.len()),
    };
    let outcomes = match all_or_none(&mut connection, &mut jobs) {
        Err(Undone::ByJob) => each_for_itself(&mut connection, &mut jobs),
        Err(Undone::ByStore(error)) => Err(error),
        Ok(values) => Ok(values.into_iter().map(Ok).collect()),
    };
    match outcomes {
        Ok(outcomes) => {
            *kept = Some(connection);
            outcomes
        }
        // Whatever state this connection is in, the next one has none.
        Err(error) => fail_all(error.into(), jobs.len()),
    }
}

/// Why a transaction over all jobs came to nothing.
enum Undone {
    /// One of them failed, or panicked.
    ByJob,
    /// The store did not begin it, or did not take it.
    ByStore(DieselError),
}

impl From<DieselError> for Undone {
    fn from(error: DieselError) -> Self {
        Self::ByStore(error)
    }
}

fn all_or_none(connection: &mut SqliteConnection, jobs: &mut [Job]) -> Result<Vec<Value>, Undone> {
    connection.immediate_transaction(|connection| {
        jobs.iter_mut().map(|job| done(job, connection).map_err(|_| Undone::ByJob)).collect()
    })
}

/// A savepoint for each, so that what fails hurts only its caller.
fn each_for_itself(connection: &mut SqliteConnection, jobs: &mut [Job]) -> QueryResult<Vec<Outcome>> {
    connection.immediate_transaction(|connection| {
        Ok(jobs.iter_mut().map(|job| connection.transaction(|connection| done(job, connection))).collect())
    })
}

fn done(job: &mut Job, connection: &mut SqliteConnection) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| job(connection))).map_or(Err(SqlError::Panicked), |done| Ok(done?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::RunQueryDsl as _;
    use diesel::connection::SimpleConnection as _;
    use tempfile::TempDir;

    use super::*;
    use crate::sqlite::connection::Access;

    struct Scene {
        options: ConnectionOptions,
        kept: Option<SqliteConnection>,
        _directory: TempDir,
    }

    impl Scene {
        fn set() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let options = ConnectionOptions { path: directory.path().join("c.db"), access: Access::Write };
            let mut connection = SqliteConnection::connect(&options).unwrap();
            connection.batch_execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)").unwrap();
            Self { options, kept: None, _directory: directory }
        }

        fn commit(&mut self, jobs: Vec<Job>) -> Vec<Result<i64, String>> {
            let outcomes = commit(&mut self.kept, &self.options, jobs);
            let number = |value: Value| *value.downcast::<i64>().unwrap();
            outcomes.into_iter().map(|outcome| outcome.map(number).map_err(|error| error.to_string())).collect()
        }

        fn stored(&self) -> Vec<i64> {
            let mut connection = SqliteConnection::connect(&self.options).unwrap();
            let mut numbers = diesel::sql_query("SELECT n FROM numbers ORDER BY n").load::<Number>(&mut connection);
            numbers.as_mut().unwrap().iter().map(|number| number.n).collect()
        }
    }

    #[derive(diesel::QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }

    fn insert(n: i64, runs: &Arc<AtomicUsize>) -> Job {
        let runs = runs.clone();
        Box::new(move |connection| {
            runs.fetch_add(1, Ordering::Relaxed);
            diesel::sql_query(format!("INSERT INTO numbers VALUES ({n})")).execute(connection)?;
            Ok(Box::new(n))
        })
    }

    fn panics() -> Job {
        Box::new(|connection| {
            diesel::sql_query("INSERT INTO numbers VALUES (99)").execute(connection)?;
            panic!("a bad job")
        })
    }

    #[test]
    fn good_jobs_are_done_once() {
        let (mut scene, runs) = (Scene::set(), Arc::default());
        assert_eq!(scene.commit(vec![insert(1, &runs), insert(2, &runs)]), [Ok(1), Ok(2)]);
        assert_eq!((scene.stored(), runs.load(Ordering::Relaxed)), (vec![1, 2], 2));
    }

    #[test]
    fn a_job_that_fails_hurts_only_its_caller() {
        let (mut scene, runs) = (Scene::set(), Arc::default());
        let outcomes = scene.commit(vec![insert(1, &runs), insert(1, &runs), insert(2, &runs)]);
        assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(1), &Ok(2)));
        assert!(outcomes[1].as_ref().is_err_and(|error| error.contains("UNIQUE")), "{:?}", outcomes[1]);
        assert_eq!(scene.stored(), [1, 2]);
        assert_eq!(scene.commit(vec![insert(3, &runs)]), [Ok(3)], "the writer goes on");
    }

    #[test]
    fn a_job_that_panics_hurts_only_its_caller() {
        let (mut scene, runs) = (Scene::set(), Arc::default());
        let outcomes = scene.commit(vec![insert(1, &runs), panics(), insert(2, &runs)]);
        assert_eq!(outcomes, [Ok(1), Err(SqlError::Panicked.to_string()), Ok(2)]);
        assert_eq!(scene.stored(), [1, 2], "nothing is left of the bad one");
    }

    #[test]
    fn a_store_that_is_locked_is_waited_for_once() {
        let (mut scene, runs) = (Scene::set(), Arc::<AtomicUsize>::default());
        let mut other = SqliteConnection::connect(&scene.options).unwrap();
        other.batch_execute("BEGIN IMMEDIATE").unwrap();
        let begun = std::time::Instant::now();
        let outcomes = scene.commit(vec![insert(1, &runs), insert(2, &runs)]);
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        assert_eq!(runs.load(Ordering::Relaxed), 0, "a transaction that did not begin has no jobs");
        other.batch_execute("ROLLBACK").unwrap();
        assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "it is waited for");
        assert_eq!(scene.commit(vec![insert(1, &runs)]), [Ok(1)], "the writer goes on");
    }

    #[test]
    fn a_commit_that_fails_is_everybodys_failure() {
        let (mut scene, runs) = (Scene::set(), Arc::default());
        let deferred: Job = Box::new(|connection| {
            connection.batch_execute(
                "CREATE TABLE IF NOT EXISTS children (n INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED);
                 INSERT INTO children VALUES (7)",
            )?;
            Ok(Box::new(7_i64))
        });
        let outcomes = scene.commit(vec![insert(1, &runs), deferred]);
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        assert_eq!(scene.stored(), Vec::<i64>::new());
        assert_eq!(scene.commit(vec![insert(1, &runs)]), [Ok(1)], "the writer goes on");
    }
}
