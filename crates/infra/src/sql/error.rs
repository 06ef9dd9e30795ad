use diesel::result::{DatabaseErrorKind, Error as DieselError};
use domain::Unexpected;
use domain::chat::AcceptError;

use super::{InconsistentRow, Refusal};

/// Why SQL work came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// The store has too much to do; nothing was tried.
    #[error("too much is waiting for the store")]
    Overloaded,
    /// No connection could be had.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// It was lost while it was at work: what became of the work is not known.
    #[error("the store was lost at work: {0}")]
    Interrupted(String),
    /// It did not answer in time: what becomes of the work is not known.
    #[error("the store is silent")]
    Silent,
    /// The work panicked.
    #[error("the work panicked")]
    Panicked,
    /// The store said no.
    #[error(transparent)]
    Diesel(#[from] DieselError),
    /// A row did not parse.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentRow),
}

impl SqlError {
    /// Whether the connection is gone, so that the same work may succeed on another.
    pub(crate) fn is_closed_connection(error: &DieselError) -> bool {
        matches!(
            error,
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
                | DieselError::BrokenTransactionManager
        )
    }

    /// Whether the work may have been done in spite of the failure.
    pub(crate) fn is_undecided(&self) -> bool {
        match self {
            Self::Interrupted(_) | Self::Silent | Self::Panicked | Self::Diesel(_) => true,
            Self::Overloaded | Self::Unreachable(_) | Self::Inconsistent(_) => false,
        }
    }

    /// Whether concurrent work got in the way, so that the same may succeed at once.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, Self::Diesel(DieselError::DatabaseError(kind, information))
            if matches!(kind, DatabaseErrorKind::SerializationFailure)
                || information.message().contains("deadlock detected"))
    }

    /// Whether somebody held a row for too long.
    pub(crate) fn is_locked_out(&self) -> bool {
        matches!(self, Self::Diesel(DieselError::DatabaseError(_, information))
            if information.message().contains("due to lock timeout"))
    }

    /// Whether the same work may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Overloaded | Self::Unreachable(_) | Self::Interrupted(_) | Self::Silent => true,
            Self::Diesel(error) => {
                Self::is_closed_connection(error)
                    || match error {
                        DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => true,
                        DieselError::DatabaseError(
                            DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::Unknown,
                            information,
                        ) => passes(information.message()),
                        _ => false,
                    }
            }
            Self::Panicked | Self::Inconsistent(_) => false,
        }
    }
}

/// The same failure for every caller of a batch; only one of them can have the error itself.
pub(crate) fn fail_all<T>(error: SqlError, count: usize) -> Vec<Result<T, SqlError>> {
    let text = error.to_string();
    let another = if error.is_undecided() { SqlError::Interrupted } else { SqlError::Unreachable };
    let others = (1..count).map(|_| Err(another(text.clone()))).collect::<Vec<_>>();
    std::iter::once(Err(error)).chain(others).collect()
}

/// Neither diesel nor SQLite's driver hands out the codes of these conditions, only their texts (ADR 0013):
/// 55P03, 57014 and 57P01 to 57P03, 53xxx, 40001 and 40P01 of PostgreSQL; `SQLITE_BUSY`, `SQLITE_FULL` and `SQLITE_IOERR`.
fn passes(message: &str) -> bool {
    const PASSING: [&str; 13] = [
        "canceling statement",
        "terminating connection",
        "the database system is",
        "could not serialize",
        "deadlock detected",
        "No space left on device",
        "out of memory",
        "too many",
        "remaining connection slots",
        "could not extend file",
        "database is locked",
        "database or disk is full",
        "disk I/O error",
    ];
    PASSING.iter().any(|text| message.contains(text))
}

impl From<Refusal> for SqlError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::Overloaded,
            Refusal::Stopped => Self::Interrupted(refusal.to_string()),
            Refusal::Silent => Self::Silent,
        }
    }
}

impl From<SqlError> for AcceptError {
    fn from(error: SqlError) -> Self {
        if error.is_undecided() { Self::Undecided(error.into()) } else { Self::Unexpected(error.into()) }
    }
}

impl From<SqlError> for Unexpected {
    fn from(error: SqlError) -> Self {
        if error.is_passing() { Self::unavailable(error) } else { Self::new(error) }
    }
}
