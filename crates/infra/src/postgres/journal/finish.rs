use std::collections::HashSet;

use diesel::connection::LoadConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as PgUuid};
use domain::chat::Settlement;
use uuid::Uuid;

use super::writer::Write;
use crate::postgres::schema::turns;
use crate::sql::rows::FinishedRow;
use crate::sql::values::{Id, Json, Time};

/// Stores how turns ended: one statement for the whole batch.
pub(super) struct Finish;

/// Stores ends inside the caller's transaction, and returns the turns that ran.
pub(in crate::postgres) fn store_ends(connection: &mut PgConnection, ends: &[FinishedRow]) -> QueryResult<Vec<Id>> {
    FinishTurns::from(ends).load(connection)
}

impl Write for Finish {
    type Item = FinishedRow;
    type Outcome = Settlement;

    fn write(&self, connection: &mut PgConnection, turns: &[FinishedRow]) -> QueryResult<Vec<Settlement>> {
        let done = store_ends(connection, turns)?;
        let mut stored: HashSet<Uuid> = done.into_iter().map(|id| id.0).collect();
        let untouched: Vec<&FinishedRow> = turns.iter().filter(|turn| !stored.contains(&turn.id.0)).collect();
        if !untouched.is_empty() {
            stored.extend(stored_before(connection, &untouched)?);
        }
        let settlement = |turn: &FinishedRow| {
            if stored.contains(&turn.id.0) { Settlement::Stored } else { Settlement::Lost }
        };
        Ok(turns.iter().map(settlement).collect())
    }
}

/// Which of these ends were stored already: the acknowledgement of their commit was lost.
fn stored_before(connection: &mut PgConnection, turns: &[&FinishedRow]) -> QueryResult<Vec<Uuid>> {
    type Row = (Id, Option<Id>, String, Option<Time>);
    let found: Vec<Row> = turns::table
        .filter(turns::id.eq_any(turns.iter().map(|turn| turn.id)))
        .select((turns::id, turns::owner, turns::status, turns::completed_at))
        .load(connection)?;
    let is_stored = |turn: &&&FinishedRow| {
        found.iter().any(|(id, owner, status, completed_at)| {
            (*id, *owner, status.as_str(), *completed_at)
                == (turn.id, Some(turn.owner), turn.status, Some(turn.completed_at))
        })
    };
    Ok(turns.iter().filter(is_stored).map(|turn| turn.id.0).collect())
}

/// The batch, column by column.
#[derive(Default)]
struct FinishTurns<'a> {
    ids: Vec<Id>,
    owners: Vec<Id>,
    statuses: Vec<&'static str>,
    incomplete_reasons: Vec<Option<&'static str>>,
    failures: Vec<Option<&'static str>>,
    responses: Vec<Option<&'a str>>,
    parts: Vec<Option<&'a Json>>,
    image_urls: Vec<Option<&'a str>>,
    models: Vec<Option<&'a str>>,
    input_tokens: Vec<Option<i64>>,
    output_tokens: Vec<Option<i64>>,
    completed_at: Vec<Time>,
}

impl<'a> From<&'a [FinishedRow]> for FinishTurns<'a> {
    fn from(turns: &'a [FinishedRow]) -> Self {
        let mut columns = Self::default();
        for turn in turns {
            columns.ids.push(turn.id);
            columns.owners.push(turn.owner);
            columns.statuses.push(turn.status);
            columns.incomplete_reasons.push(turn.incomplete_reason);
            columns.failures.push(turn.failure);
            columns.responses.push(turn.response.as_deref());
            columns.parts.push(turn.parts.as_ref());
            columns.image_urls.push(turn.image_url.as_deref());
            columns.models.push(turn.model.as_deref());
            columns.input_tokens.push(turn.input_tokens);
            columns.output_tokens.push(turn.output_tokens);
            columns.completed_at.push(turn.completed_at);
        }
        columns
    }
}

impl QueryId for FinishTurns<'_> {
    type QueryId = FinishTurns<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for FinishTurns<'_> {
    type SqlType = PgUuid;
}

impl<C: LoadConnection<Backend = Pg>> RunQueryDsl<C> for FinishTurns<'_> {}

impl QueryFragment<Pg> for FinishTurns<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH input AS (SELECT * FROM unnest(");
        out.push_bind_param::<Array<PgUuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PgUuid>, _>(&self.owners)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.statuses)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.incomplete_reasons)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.failures)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.responses)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Jsonb>>, _>(&self.parts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.image_urls)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.models)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.input_tokens)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.output_tokens)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.completed_at)?;
        out.push_sql(include_str!("finish.sql"));
        Ok(())
    }
}
