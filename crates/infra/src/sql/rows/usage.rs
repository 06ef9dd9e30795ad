use chrono::NaiveDate;
use diesel::Queryable;
use domain::conversation::ModelName;
use domain::usage::{Tally, UsageRecord};

use crate::sql::{InconsistentRow, Parse};

const TABLE: &str = "usage";

/// What is read of a row of `usage`.
#[derive(Queryable)]
pub(crate) struct UsageRow {
    day: NaiveDate,
    model: String,
    turns: i64,
    input_tokens: i64,
    output_tokens: i64,
}

impl TryFrom<UsageRow> for UsageRecord {
    type Error = InconsistentRow;

    fn try_from(row: UsageRow) -> Result<Self, InconsistentRow> {
        let day = row.day;
        let count = |number: i64, column| u64::try_from(number).in_row(TABLE, column, day);
        let tally = Tally {
            turns: count(row.turns, "turns")?,
            input_tokens: count(row.input_tokens, "input_tokens")?,
            output_tokens: count(row.output_tokens, "output_tokens")?,
        };
        let named = Some(row.model).filter(|name| !name.is_empty());
        Ok(Self { day, model: named.map(ModelName::try_from).transpose().in_row(TABLE, "model", day)?, tally })
    }
}
