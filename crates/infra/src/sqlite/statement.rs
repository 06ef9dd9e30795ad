use std::fmt;
use std::marker::PhantomData;

use diesel::SqliteConnection;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::sql::values::{Id, Json, Time};

/// SQL with a `?` for each value, prepared once per connection. `Row` is the SQL type of what it returns.
///
/// Diesel prepares every `INSERT`, every `UPDATE` and whatever contains raw SQL or a list of values anew at each
/// call, for it cannot know that their texts are few. These are constants, so it may keep them.
///
/// `status = 'running'` belongs into the text and not among the values: a statement whose plan hangs on a
/// value, as the use of a partial index does, is prepared again by SQLite whenever one is bound.
pub(super) struct Statement<'a, Row, const VALUES: usize> {
    sql: &'static str,
    values: [Value<'a>; VALUES],
    row: PhantomData<fn() -> Row>,
}

/// A statement that returns nothing.
pub(super) type Command<'a, const VALUES: usize> = Statement<'a, (), VALUES>;

impl<'a, Row, const VALUES: usize> Statement<'a, Row, VALUES> {
    pub(super) fn new(sql: &'static str, values: [Value<'a>; VALUES]) -> Self {
        debug_assert_eq!(sql.matches('?').count(), VALUES, "a value for each placeholder of: {sql}");
        Self { sql, values, row: PhantomData }
    }
}

/// A value that stands where the SQL has a `?`.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Id(Option<Id>),
    Text(Option<&'a str>),
    Json(Option<&'a Json>),
    Integer(Option<i64>),
    Time(Time),
    Bytes(&'a [u8]),
}

impl<Row, const VALUES: usize> QueryFragment<Sqlite> for Statement<'_, Row, VALUES> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut texts = self.sql.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (value, text) in self.values.iter().zip(texts) {
            match value {
                Value::Id(id) => out.push_bind_param::<Nullable<Text>, _>(id)?,
                Value::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                Value::Json(document) => out.push_bind_param::<Nullable<Text>, _>(document)?,
                Value::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number)?,
                Value::Time(time) => out.push_bind_param::<BigInt, _>(time)?,
                Value::Bytes(bytes) => out.push_bind_param::<Binary, _>(*bytes)?,
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

/// Without an id of its type, diesel tells one statement from another by its text.
impl<Row, const VALUES: usize> QueryId for Statement<'_, Row, VALUES> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row, const VALUES: usize> Query for Statement<'_, Row, VALUES> {
    type SqlType = Row;
}

impl<Row, const VALUES: usize> RunQueryDsl<SqliteConnection> for Statement<'_, Row, VALUES> {}

impl<Row, const VALUES: usize> fmt::Debug for Statement<'_, Row, VALUES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("sql", &self.sql).finish_non_exhaustive()
    }
}

impl From<Id> for Value<'_> {
    fn from(id: Id) -> Self {
        Self::Id(Some(id))
    }
}

impl From<Option<Id>> for Value<'_> {
    fn from(id: Option<Id>) -> Self {
        Self::Id(id)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<Time> for Value<'_> {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::InstrumentationEvent;

    use super::*;

    /// A connection, and how many statements it has prepared to keep, and how many it has run at all.
    fn connection() -> (SqliteConnection, Arc<AtomicUsize>) {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let prepared = Arc::new(AtomicUsize::new(0));
        let count = prepared.clone();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::CacheQuery { .. } = event {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        (connection, prepared)
    }

    #[test]
    fn a_statement_is_prepared_once_whatever_its_values_are() {
        const SQL: &str = "SELECT ?, ? WHERE 1 IN (1, 2)";
        let (mut connection, prepared) = connection();
        for (text, number) in [(Some("a"), 1), (None, 2), (Some("c"), 3)] {
            let echo = Statement::<(Nullable<Text>, BigInt), 2>::new(SQL, [text.into(), Value::from(number)]);
            let row: (Option<String>, i64) = echo.get_result(&mut connection).unwrap();
            assert_eq!((row.0.as_deref(), row.1), (text, number));
            assert_eq!(prepared.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn statements_with_different_texts_are_different_statements() {
        let (mut connection, prepared) = connection();
        for (sql, expected) in [("SELECT ? + 1", 3), ("SELECT ? + 2", 4), ("SELECT ? + 1", 3)] {
            let sum: i64 = Statement::<BigInt, 1>::new(sql, [Value::from(2)]).get_result(&mut connection).unwrap();
            assert_eq!(sum, expected);
        }
        assert_eq!(prepared.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn every_kind_of_value_arrives() {
        let (mut connection, _) = connection();
        let id = Id(uuid::Uuid::from_u128(7));
        let document = Json(serde_json::json!({ "a": 1 }));
        let time = Time(chrono::DateTime::from_timestamp_micros(12).unwrap());
        let values =
            [id.into(), Value::Json(Some(&document)), time.into(), Value::Bytes(b"\x00\xff"), None::<Id>.into()];
        let echo = Statement::<(Text, Text, BigInt, Binary, Nullable<Text>), 5>::new("SELECT ?, ?, ?, ?, ?", values);
        let row: (Id, Json, Time, Vec<u8>, Option<Id>) = echo.get_result(&mut connection).unwrap();
        assert_eq!(row, (id, document, time, b"\x00\xff".to_vec(), None));
    }
}
