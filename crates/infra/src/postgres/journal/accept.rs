use std::collections::{HashMap, HashSet};

use diesel::connection::LoadConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as PgUuid};
use domain::chat::{AcceptedTurn, ConversationChoice, NewTurn, PastTurn};
use domain::conversation::{ModelName, SystemPrompt};
use domain::id::{ConversationId, TurnId};
use uuid::Uuid;

use super::writer::Write;
use crate::sql::rows::{PastTurnRow, turn_metadata};
use crate::sql::values::{Id, Json, Time};

/// Accepts questions: one data-modifying statement for the whole batch, in one round trip.
///
/// A question whose conversation does not exist, is busy, or whose key is taken has no row in the result.
pub(super) struct Accept;

impl Write for Accept {
    type Item = NewTurn;
    type Outcome = Option<AcceptedTurn>;

    fn write(&self, connection: &mut PgConnection, turns: &[NewTurn]) -> QueryResult<Vec<Option<AcceptedTurn>>> {
        let rows: Vec<AcceptedRow> = match AcceptTurns::from(turns).load(connection) {
            Err(error) if turns.len() == 1 && is_lost_race(&error) => return Ok(vec![None]),
            rows => rows?,
        };
        let mut accepted: HashMap<Uuid, AcceptedTurn> = rows.into_iter().map(|row| (row.id.0, row.into())).collect();
        Ok(turns.iter().map(|turn| accepted.remove(&turn.id.as_uuid())).collect())
    }
}

/// Whether somebody else claimed the key, or deleted the conversation, in the same moment.
fn is_lost_race(error: &DieselError) -> bool {
    use DatabaseErrorKind::{ForeignKeyViolation, UniqueViolation};
    matches!(error, DieselError::DatabaseError(UniqueViolation | ForeignKeyViolation, _))
}

#[derive(Queryable)]
struct AcceptedRow {
    id: Id,
    conversation_id: Id,
    seq: i64,
    parent_turn_id: Option<Id>,
    expiry_timestamp: Time,
    model: Option<String>,
    system: Option<String>,
    questions: Option<Vec<String>>,
    responses: Option<Vec<String>>,
    tokens: Option<Vec<i64>>,
    expiries: Option<Vec<Time>>,
}

impl From<AcceptedRow> for AcceptedTurn {
    fn from(row: AcceptedRow) -> Self {
        let texts = row.questions.unwrap_or_default().into_iter().zip(row.responses.unwrap_or_default());
        let bounds = row.tokens.unwrap_or_default().into_iter().zip(row.expiries.unwrap_or_default());
        let past = |((request_question, response), (tokens, expiry_timestamp))| {
            PastTurn::from(PastTurnRow { request_question, response, tokens, expiry_timestamp })
        };
        Self {
            id: TurnId::from_uuid(row.id.0),
            conversation_id: ConversationId::from_uuid(row.conversation_id.0),
            seq: row.seq,
            parent_turn_id: row.parent_turn_id.map(|id| TurnId::from_uuid(id.0)),
            expiry_timestamp: row.expiry_timestamp.0,
            conversation_model: row.model.and_then(|name| ModelName::try_from(name).ok()),
            system: row.system.and_then(|prompt| SystemPrompt::try_from(prompt).ok()),
            context: texts.zip(bounds).map(past).collect(),
        }
    }
}

/// The batch, column by column. Of questions with the same key it has the first; the others are refused.
#[derive(Default)]
struct AcceptTurns<'a> {
    ids: Vec<Uuid>,
    user_ids: Vec<Uuid>,
    session_ids: Vec<Option<Uuid>>,
    conversation_ids: Vec<Option<Uuid>>,
    questions: Vec<&'a str>,
    question_tokens: Vec<i64>,
    models: Vec<Option<&'a str>>,
    metadata: Vec<Option<Json>>,
    owners: Vec<Uuid>,
    entry_times: Vec<Time>,
    ttl_seconds: Vec<i32>,
    max_turns: Vec<i32>,
    max_tokens: Vec<i64>,
    look_back: Vec<i64>,
    keys: Vec<Option<&'a str>>,
    fingerprints: Vec<Option<&'a [u8]>>,
}

impl<'a> From<&'a [NewTurn]> for AcceptTurns<'a> {
    fn from(turns: &'a [NewTurn]) -> Self {
        let mut columns = Self::default();
        let mut keys = HashSet::new();
        for turn in turns {
            if let Some(claim) = &turn.idempotency
                && !keys.insert((turn.user_id, claim.key.as_str()))
            {
                continue;
            }
            columns.ids.push(turn.id.as_uuid());
            columns.user_ids.push(turn.user_id.as_uuid());
            columns.session_ids.push(turn.session_id.map(domain::id::SessionId::as_uuid));
            columns.conversation_ids.push(match turn.conversation {
                ConversationChoice::Existing(id) => Some(id.as_uuid()),
                ConversationChoice::Current { .. } => None,
            });
            columns.questions.push(turn.question.as_str());
            columns.question_tokens.push(i64::from(turn.question.estimated_tokens()));
            columns.models.push(turn.model.as_ref().map(ModelName::as_str));
            columns.metadata.push(turn_metadata(&turn.metadata));
            columns.owners.push(turn.replica.as_uuid());
            columns.entry_times.push(Time(turn.entry_time));
            columns.ttl_seconds.push(i32::try_from(turn.default_ttl.seconds()).unwrap_or(i32::MAX));
            columns.max_turns.push(i32::from(turn.budget.max_turns));
            columns.max_tokens.push(turn.budget.max_tokens.into());
            columns.look_back.push(turn.look_back().into());
            columns.keys.push(turn.idempotency.as_ref().map(|claim| claim.key.as_str()));
            columns.fingerprints.push(turn.idempotency.as_ref().map(|claim| claim.fingerprint.0.as_slice()));
        }
        columns
    }
}

impl QueryId for AcceptTurns<'_> {
    type QueryId = AcceptTurns<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for AcceptTurns<'_> {
    type SqlType = (
        PgUuid,
        PgUuid,
        BigInt,
        Nullable<PgUuid>,
        Timestamptz,
        Nullable<Text>,
        Nullable<Text>,
        Nullable<Array<Text>>,
        Nullable<Array<Text>>,
        Nullable<Array<BigInt>>,
        Nullable<Array<Timestamptz>>,
    );
}

impl<C: LoadConnection<Backend = Pg>> RunQueryDsl<C> for AcceptTurns<'_> {}

/// A key that another process claims in the same moment fails the statement, and the batch goes one by one.
impl QueryFragment<Pg> for AcceptTurns<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH input AS (SELECT * FROM unnest(");
        out.push_bind_param::<Array<PgUuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PgUuid>, _>(&self.user_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<PgUuid>>, _>(&self.session_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<PgUuid>>, _>(&self.conversation_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.questions)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.question_tokens)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.models)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Jsonb>>, _>(&self.metadata)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PgUuid>, _>(&self.owners)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.entry_times)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.ttl_seconds)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.max_turns)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.max_tokens)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.look_back)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.keys)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Binary>>, _>(&self.fingerprints)?;
        out.push_sql(include_str!("accept.sql"));
        Ok(())
    }
}
