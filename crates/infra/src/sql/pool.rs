use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::r2d2::{self, ManageConnection, R2D2Connection};
use metrics::{Gauge, counter, gauge};
use tokio::sync::Semaphore;

use super::{SqlError, undisturbed};

/// A kind of connection that a pool can hold.
pub(crate) trait Connect: R2D2Connection + Send + Sized + 'static {
    /// What opening one takes.
    type Options: Clone + Send + Sync + 'static;

    /// Opens a connection, ready for work.
    fn connect(options: &Self::Options) -> diesel::ConnectionResult<Self>;
}

/// How large a pool is, and how patient its callers are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSettings {
    /// What it is called in measurements.
    pub(crate) name: &'static str,
    /// The most connections, and the most blocking threads, that are used at once.
    pub(crate) size: u32,
    /// The longest that work waits for one of them.
    pub(crate) acquire_timeout: Duration,
    /// The longest that anybody waits for work, a connection included. The thread of work that takes longer is lost until
    /// the store answers, but nobody waits for it.
    pub(crate) patience: Duration,
}

/// Connections, and the only place in which SQL work moves to blocking threads.
///
/// Work is admitted before it gets a thread: there are never more threads than connections, so a store that
/// stalls makes callers wait no longer than `acquire_timeout` and then fail, instead of piling up threads.
pub(crate) struct Pool<C: Connect> {
    connections: r2d2::Pool<Connector<C>>,
    admission: Arc<Semaphore>,
    settings: PoolSettings,
}

impl<C: Connect> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self { connections: self.connections.clone(), admission: self.admission.clone(), settings: self.settings }
    }
}

impl<C: Connect> Pool<C> {
    /// A pool that connects when it is first used.
    pub(crate) fn new(options: C::Options, settings: PoolSettings) -> Self {
        gauge!("colloquy_pool_size", "pool" => settings.name).set(settings.size);
        // r2d2 waits between two attempts to connect for up to half of this, so it stays short.
        let patience = settings.acquire_timeout.min(Duration::from_secs(2));
        let connections = r2d2::Pool::builder()
            .max_size(settings.size)
            .min_idle(Some(0))
            .connection_timeout(patience)
            .test_on_check_out(false)
            .build_unchecked(Connector { options });
        counter!("colloquy_pool_refused_total", "pool" => settings.name).increment(0);
        Self { connections, admission: Arc::new(Semaphore::new(settings.size as usize)), settings }
    }

    /// Runs `work` on a connection.
    ///
    /// A connection is not checked before it is used, for that would cost a round trip; if it turns out to be
    /// closed, `work` runs again on another. Its statements must therefore be harmless when repeated.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, SqlError>
    where
        T: Send + 'static,
        W: FnMut(&mut C) -> QueryResult<T> + Send + 'static,
    {
        let given_up = tokio::time::Instant::now() + self.settings.patience;
        let admission = self.admission.clone().acquire_owned();
        let permit = tokio::time::timeout(self.settings.acquire_timeout, admission)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| refused(self.settings.name))?;
        let pool = self.clone();
        let blocking = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let _use = Use::begin(pool.settings.name);
            let mut work = work;
            undisturbed(|| pool.run_blocking(&mut work))
        });
        let done = tokio::time::timeout_at(given_up, blocking).await.map_err(|_| SqlError::Silent)?;
        done.map_err(|_| SqlError::Panicked)?
    }

    /// Every idle connection may have been closed at once, so each of them may have to be tried; but not for longer
    /// than anybody would wait for one.
    fn run_blocking<T>(&self, mut work: impl FnMut(&mut C) -> QueryResult<T>) -> Result<T, SqlError> {
        let deadline = Instant::now() + self.settings.acquire_timeout;
        for _ in 0..self.settings.size {
            if Instant::now() >= deadline {
                break;
            }
            let mut connection = self.connections.get().map_err(|error| SqlError::Unreachable(error.to_string()))?;
            match work(&mut connection.inner) {
                Err(error) if SqlError::is_closed_connection(&error) => connection.is_closed = true,
                result => return Ok(result?),
            }
        }
        let mut connection = self.connections.get().map_err(|error| SqlError::Unreachable(error.to_string()))?;
        let result = work(&mut connection.inner);
        connection.is_closed = result.as_ref().is_err_and(SqlError::is_closed_connection);
        Ok(result?)
    }
}

fn refused(pool: &'static str) -> SqlError {
    counter!("colloquy_pool_refused_total", "pool" => pool).increment(1);
    SqlError::Overloaded
}

/// A connection in use, counted until this is dropped.
struct Use(Gauge);

impl Use {
    fn begin(pool: &'static str) -> Self {
        let in_use = gauge!("colloquy_pool_in_use", "pool" => pool);
        in_use.increment(1.0);
        Self(in_use)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A connection, and whether it turned out to be closed.
pub(crate) struct Managed<C> {
    inner: C,
    is_closed: bool,
}

struct Connector<C: Connect> {
    options: C::Options,
}

impl<C: Connect> ManageConnection for Connector<C> {
    type Connection = Managed<C>;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> Result<Managed<C>, diesel::ConnectionError> {
        C::connect(&self.options).map(|inner| Managed { inner, is_closed: false })
    }

    fn is_valid(&self, _: &mut Managed<C>) -> Result<(), diesel::ConnectionError> {
        Ok(())
    }

    fn has_broken(&self, connection: &mut Managed<C>) -> bool {
        connection.is_closed || std::thread::panicking() || connection.inner.is_broken()
    }
}
