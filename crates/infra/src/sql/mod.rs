//! What both stores share.

mod batch;
mod contention;
mod delete_some;
mod error;
mod inconsistent;
mod keyset;
mod parts;
mod pool;
pub(crate) mod rows;
pub(crate) mod values;

pub(crate) use batch::{BatchWriter, Refusal};
pub(crate) use contention::undisturbed;
pub(crate) use delete_some::delete_some;
pub(crate) use error::SqlError;
pub(crate) use error::fail_all;
pub(crate) use inconsistent::InconsistentRow;
pub(crate) use inconsistent::Parse;
pub(crate) use keyset::keyset;
pub(crate) use pool::{Connect, Pool, PoolSettings};

use domain::Unexpected;
use domain::page::{Limit, ListError, Page};

/// A page out of a query that asked for one row more; no rows at all means that the cursor is unknown.
pub(crate) fn page<R, T>(
    rows: Result<Option<Vec<R>>, SqlError>,
    limit: Limit,
    parse: impl Fn(R) -> Result<T, InconsistentRow>,
) -> Result<Page<T>, ListError> {
    let rows = rows.map_err(Unexpected::from)?.ok_or(ListError::UnknownCursor)?;
    let items: Result<Vec<T>, InconsistentRow> = rows.into_iter().map(parse).collect();
    Ok(Page::from_one_more(items.map_err(Unexpected::new)?, limit))
}

/// What rows mean, all of them or none.
pub(crate) fn parsed<R, T: TryFrom<R, Error = InconsistentRow>>(
    rows: Result<Vec<R>, SqlError>,
) -> Result<Vec<T>, Unexpected> {
    let parsed: Result<Vec<T>, InconsistentRow> = rows?.into_iter().map(T::try_from).collect();
    parsed.map_err(Unexpected::new)
}

/// A count as it is stored.
pub(crate) fn stored_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
