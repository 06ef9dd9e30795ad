use std::io;

use diesel::{PgConnection, QueryResult};

use crate::postgres::connection::ConnectionOptions;
use crate::sql::{BatchWriter, Connect, SqlError, fail_all};

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
    write: W,
) -> io::Result<Writer<W>> {
    let mut connection = None;
    BatchWriter::start(name, capacity, move |items: Vec<W::Item>| {
        match attempt(&mut connection, &options, &write, &items) {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(SqlError::Diesel(_)) if items.len() > 1 => one_by_one(&mut connection, &options, &write, &items),
            Err(error) => fail_all(error, items.len()),
        }
    })
}

/// A batch that fails as a whole is written one by one, so that a bad item hurts only its owner. Once the
/// server is out of reach the rest is not tried: each attempt would wait for it again.
fn one_by_one<W: Write>(
    connection: &mut Option<PgConnection>,
    options: &ConnectionOptions,
    write: &W,
    items: &[W::Item],
) -> Vec<Result<W::Outcome, SqlError>> {
    let mut unreachable = None;
    let write_one = |item| {
        if let Some(text) = &unreachable {
            return Err(SqlError::Unreachable(String::clone(text)));
        }
        let outcome = attempt(connection, options, write, std::slice::from_ref(item));
        if let Err(SqlError::Unreachable(text)) = &outcome {
            unreachable = Some(text.clone());
        }
        outcome.and_then(|mut outcomes| outcomes.pop().ok_or(SqlError::Panicked))
    };
    items.iter().map(write_one).collect()
}

/// Runs the statement; if the connection turns out to be closed, once more on a new one.
fn attempt<W: Write>(
    kept: &mut Option<PgConnection>,
    options: &ConnectionOptions,
    write: &W,
    items: &[W::Item],
) -> Result<Vec<W::Outcome>, SqlError> {
    let had_connection = kept.is_some();
    match attempt_once(kept, options, write, items) {
        Err(SqlError::Diesel(error)) if had_connection && SqlError::is_closed_connection(&error) => {
            attempt_once(kept, options, write, items)
        }
        outcome => outcome,
    }
}

fn attempt_once<W: Write>(
    kept: &mut Option<PgConnection>,
    options: &ConnectionOptions,
    write: &W,
    items: &[W::Item],
) -> Result<Vec<W::Outcome>, SqlError> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => PgConnection::connect(options).map_err(|error| SqlError::Unreachable(error.to_string()))?,
    };
    let outcome = write.write(&mut connection, items);
    if !outcome.as_ref().is_err_and(SqlError::is_closed_connection) {
        *kept = Some(connection);
    }
    Ok(outcome?)
}
