use async_trait::async_trait;
use chrono::NaiveDate;
use diesel::prelude::*;
use domain::Unexpected;
use domain::id::UserId;
use domain::usage::{Period, UsageRecord, UsageRepository};

use super::connection::PgPool;
use super::schema::usage;
use crate::sql::rows::UsageRow;
use crate::sql::values::Id;

/// What turns took, in PostgreSQL, for reading; it is written by the journal.
pub(super) struct Usage(pub PgPool);

#[async_trait]
impl UsageRepository for Usage {
    async fn records(&self, user: UserId, period: Period) -> Result<Vec<UsageRecord>, Unexpected> {
        let find = move |connection: &mut PgConnection| {
            usage::table
                .filter(usage::user_id.eq(Id(user.as_uuid())))
                .filter(usage::day.between(period.first(), period.last()))
                .select((usage::day, usage::model, usage::turns, usage::input_tokens, usage::output_tokens))
                .order((usage::day, usage::model))
                .load::<UsageRow>(connection)
        };
        let rows = self.0.run(find).await?.into_iter().map(UsageRecord::try_from);
        rows.collect::<Result<_, _>>().map_err(Unexpected::new)
    }

    async fn tokens_on(&self, user: UserId, day: NaiveDate) -> Result<u64, Unexpected> {
        let find = move |connection: &mut PgConnection| {
            usage::table
                .filter(usage::user_id.eq(Id(user.as_uuid())))
                .filter(usage::day.eq(day))
                .select(usage::input_tokens + usage::output_tokens)
                .load::<i64>(connection)
        };
        let tokens = self.0.run(find).await?.into_iter().map(|tokens| u64::try_from(tokens).unwrap_or_default());
        Ok(tokens.fold(0, u64::saturating_add))
    }
}
