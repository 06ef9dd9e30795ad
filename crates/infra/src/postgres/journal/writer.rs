use std::io;
use std::time::{Duration, Instant};

use diesel::{PgConnection, QueryResult};

use crate::postgres::connection::ConnectionOptions;
use crate::sql::{BatchWriter, Connect, SqlError, fail_all, undisturbed};

/// One kind of write: a statement over a batch of items.
pub(super) trait Write: Send + 'static {
    type Item: Send + 'static;
    type Outcome: Send + 'static;

    /// Writes the items in one commit and answers them in the same order. It must be harmless when repeated,
    /// for the acknowledgement of a commit can be lost.
    fn write(&self, connection: &mut PgConnection, items: &[Self::Item]) -> QueryResult<Vec<Self::Outcome>>;
}

/// A writer of that kind.
pub(super) type Writer<W> = BatchWriter<<W as Write>::Item, Result<<W as Write>::Outcome, SqlError>>;

/// Starts a writer with a connection of its own, which is opened when it is first needed.
pub(super) fn start<W: Write>(
    name: &str,
    options: ConnectionOptions,
    capacity: usize,
    patience: Duration,
    write: W,
) -> io::Result<Writer<W>> {
    let mut server = Server { options, connection: None, unreachable_since: None };
    BatchWriter::start(name, capacity, patience, move |items: Vec<W::Item>| match server.attempt(&write, &items) {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if concerns_all(&error) || items.len() == 1 => fail_all(error, items.len()),
        Err(_) => one_by_one(&mut server, &write, &items),
    })
}

/// After a failed attempt to connect, what has queued up meanwhile fails at once instead of waiting for another.
const BETWEEN_CONNECTS: Duration = Duration::from_millis(250);

/// A batch that fails as a whole is written one by one, so that a bad item hurts only its owner. Once the server is
/// away or too slow the rest is not tried: nothing of it was stored, and each would wait for the server again.
fn one_by_one<W: Write>(server: &mut Server, write: &W, items: &[W::Item]) -> Vec<Result<W::Outcome, SqlError>> {
    let mut away = None;
    let write_one = |item| {
        if let Some(text) = &away {
            return Err(SqlError::Unreachable(String::clone(text)));
        }
        let outcome = server.attempt(write, std::slice::from_ref(item));
        away = outcome.as_ref().err().filter(|error| concerns_all(error)).map(ToString::to_string);
        outcome.and_then(|mut outcomes| outcomes.pop().ok_or(SqlError::Panicked))
    };
    items.iter().map(write_one).collect()
}

/// The server is away or too slow for everybody; a row that somebody holds is the trouble of whoever needs it.
fn concerns_all(error: &SqlError) -> bool {
    error.is_passing() && !error.is_locked_out()
}

/// The writer's connection, opened when it is needed.
struct Server {
    options: ConnectionOptions,
    connection: Option<PgConnection>,
    unreachable_since: Option<Instant>,
}

impl Server {
    /// Runs the statement; if the connection turns out to be closed, once more on a new one.
    fn attempt<W: Write>(&mut self, write: &W, items: &[W::Item]) -> Result<Vec<W::Outcome>, SqlError> {
        let had_connection = self.connection.is_some();
        let lost = match self.attempt_uncontended(write, items) {
            Err(SqlError::Diesel(error)) if had_connection && SqlError::is_closed_connection(&error) => error,
            outcome => return outcome,
        };
        match self.attempt_uncontended(write, items) {
            // The first statement may have been committed before the connection was lost.
            Err(SqlError::Unreachable(_)) => Err(SqlError::Interrupted(lost.to_string())),
            outcome => outcome,
        }
    }

    fn attempt_uncontended<W: Write>(&mut self, write: &W, items: &[W::Item]) -> Result<Vec<W::Outcome>, SqlError> {
        undisturbed(|| self.attempt_once(write, items))
    }

    fn attempt_once<W: Write>(&mut self, write: &W, items: &[W::Item]) -> Result<Vec<W::Outcome>, SqlError> {
        let mut connection = self.take_connection()?;
        let outcome = write.write(&mut connection, items);
        if !outcome.as_ref().is_err_and(SqlError::is_closed_connection) {
            self.connection = Some(connection);
        }
        Ok(outcome?)
    }

    fn take_connection(&mut self) -> Result<PgConnection, SqlError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        if self.unreachable_since.is_some_and(|since| since.elapsed() < BETWEEN_CONNECTS) {
            return Err(SqlError::Unreachable("it could not be reached a moment ago".to_owned()));
        }
        let connected = PgConnection::connect(&self.options);
        self.unreachable_since = connected.is_err().then(Instant::now);
        connected.map_err(|error| SqlError::Unreachable(error.to_string()))
    }
}
