use std::collections::HashMap;

use diesel::connection::LoadConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as PgUuid};
use domain::chat::Settlement;
use uuid::Uuid;

use super::writer::Write;
use crate::sql::rows::FinishedRow;
use crate::sql::values::{Id, Json, Time};

/// Stores how turns ended: one statement for the whole batch.
pub(super) struct Finish;

impl Write for Finish {
    type Item = FinishedRow;
    type Outcome = Settlement;

    fn write(&self, connection: &mut PgConnection, turns: &[FinishedRow]) -> QueryResult<Vec<Settlement>> {
        let rows: Vec<(Id, bool)> = FinishTurns::from(turns).load(connection)?;
        let stored: HashMap<Uuid, bool> = rows.into_iter().map(|(id, is_stored)| (id.0, is_stored)).collect();
        let settlement = |turn: &FinishedRow| match stored.get(&turn.id.0) {
            Some(true) => Settlement::Stored,
            Some(false) | None => Settlement::Lost,
        };
        Ok(turns.iter().map(settlement).collect())
    }
}

/// The batch, column by column.
#[derive(Default, QueryId)]
struct FinishTurns {
    ids: Vec<Id>,
    owners: Vec<Id>,
    statuses: Vec<&'static str>,
    incomplete_reasons: Vec<Option<&'static str>>,
    failures: Vec<Option<&'static str>>,
    responses: Vec<Option<String>>,
    parts: Vec<Option<Json>>,
    image_urls: Vec<Option<String>>,
    models: Vec<Option<String>>,
    input_tokens: Vec<Option<i64>>,
    output_tokens: Vec<Option<i64>>,
    completed_at: Vec<Time>,
}

impl From<&[FinishedRow]> for FinishTurns {
    fn from(turns: &[FinishedRow]) -> Self {
        let mut columns = Self::default();
        for turn in turns.iter().cloned() {
            columns.ids.push(turn.id);
            columns.owners.push(turn.owner);
            columns.statuses.push(turn.status);
            columns.incomplete_reasons.push(turn.incomplete_reason);
            columns.failures.push(turn.failure);
            columns.responses.push(turn.response);
            columns.parts.push(turn.parts);
            columns.image_urls.push(turn.image_url);
            columns.models.push(turn.model);
            columns.input_tokens.push(turn.input_tokens);
            columns.output_tokens.push(turn.output_tokens);
            columns.completed_at.push(turn.completed_at);
        }
        columns
    }
}

impl Query for FinishTurns {
    type SqlType = (PgUuid, Bool);
}

impl<C: LoadConnection<Backend = Pg>> RunQueryDsl<C> for FinishTurns {}

impl QueryFragment<Pg> for FinishTurns {
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
