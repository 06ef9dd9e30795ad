use std::fmt::Display;

/// A stored row that breaks the domain's rules: somebody else wrote it, or a migration is missing.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, row {id}: column {column} is inconsistent: {reason}")]
pub(crate) struct InconsistentRow {
    /// The table.
    pub(crate) table: &'static str,
    /// The column.
    pub(crate) column: &'static str,
    /// The row's key.
    pub(crate) id: String,
    /// What is wrong with the value; never the value itself.
    pub(crate) reason: String,
}

/// Names the place of a value that does not parse.
pub(crate) trait Parse<T> {
    fn in_row(self, table: &'static str, column: &'static str, id: impl Display) -> Result<T, InconsistentRow>;
}

impl<T, E: Display> Parse<T> for Result<T, E> {
    fn in_row(self, table: &'static str, column: &'static str, id: impl Display) -> Result<T, InconsistentRow> {
        self.map_err(|reason| InconsistentRow { table, column, id: id.to_string(), reason: reason.to_string() })
    }
}
