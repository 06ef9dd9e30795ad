use std::collections::BTreeMap;

use diesel::Queryable;
use domain::Unexpected;
use domain::chat::{FinishedTurn, PastTurn};
use domain::conversation::{Answer, Metadata, ModelName, Question, Turn, TurnState, Usage};
use domain::id::{ConversationId, SessionId, TurnId, UserId};

use crate::sql::values::{Id, Json, Time};
use crate::sql::{InconsistentRow, Parse, parts};

const TABLE: &str = "turns";

/// What is read of a turn. `response` of a running one is the text of its pieces.
#[derive(Queryable)]
pub(crate) struct TurnRow {
    id: Id,
    conversation_id: Id,
    user_id: Id,
    session_id: Option<Id>,
    seq: i64,
    parent_turn_id: Option<Id>,
    kind: String,
    status: String,
    incomplete_reason: Option<String>,
    failure: Option<String>,
    request_question: String,
    response: Option<String>,
    parts: Option<Json>,
    image_url: Option<String>,
    model: Option<String>,
    metadata: Option<Json>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    entry_time: Time,
    completed_at: Option<Time>,
    expiry_timestamp: Time,
}

impl TurnRow {
    pub(crate) const fn id(&self) -> uuid::Uuid {
        self.id.0
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.completed_at.is_some()
    }
}

/// The columns of a [`TurnRow`], given a store's `turns` and its SQL for the text of an answer as far as it is stored.
macro_rules! turn_columns {
    ($turns:ident, $response:expr) => {
        (
            $turns::id,
            $turns::conversation_id,
            $turns::user_id,
            $turns::session_id,
            $turns::seq,
            $turns::parent_turn_id,
            $turns::kind,
            $turns::status,
            $turns::incomplete_reason,
            $turns::failure,
            $turns::request_question,
            diesel::dsl::sql::<diesel::sql_types::Nullable<diesel::sql_types::Text>>($response),
            $turns::parts,
            $turns::image_url,
            $turns::model,
            $turns::metadata,
            $turns::input_tokens,
            $turns::output_tokens,
            $turns::entry_time,
            $turns::completed_at,
            $turns::expiry_timestamp,
        )
    };
}
pub(crate) use turn_columns;

impl TryFrom<TurnRow> for Turn {
    type Error = InconsistentRow;

    fn try_from(mut row: TurnRow) -> Result<Self, InconsistentRow> {
        let id = row.id.0;
        let state = state(&mut row)?;
        Ok(Self {
            id: TurnId::from_uuid(id),
            conversation_id: ConversationId::from_uuid(row.conversation_id.0),
            user_id: UserId::from_uuid(row.user_id.0),
            session_id: row.session_id.map(|id| SessionId::from_uuid(id.0)),
            seq: row.seq,
            parent_turn_id: row.parent_turn_id.map(|id| TurnId::from_uuid(id.0)),
            kind: row.kind.parse().in_row(TABLE, "kind", id)?,
            request_question: Question::try_from(row.request_question).in_row(TABLE, "request_question", id)?,
            model: row.model.map(ModelName::try_from).transpose().in_row(TABLE, "model", id)?,
            metadata: row.metadata.map(metadata).transpose().in_row(TABLE, "metadata", id)?.unwrap_or_default(),
            entry_time: row.entry_time.0,
            completed_at: row.completed_at.map(|time| time.0),
            expiry_timestamp: row.expiry_timestamp.0,
            state,
        })
    }
}

/// The notes on a turn, as they are stored: none are no document.
pub(crate) fn turn_metadata(metadata: &Metadata) -> Option<Json> {
    let pairs = metadata.pairs();
    let text = |(key, value): (&String, &String)| (key.clone(), serde_json::Value::String(value.clone()));
    (!pairs.is_empty()).then(|| Json(serde_json::Value::Object(pairs.iter().map(text).collect())))
}

fn metadata(document: Json) -> Result<Metadata, Box<dyn std::error::Error + Send + Sync>> {
    let pairs: BTreeMap<String, String> = serde_json::from_value(document.0)?;
    Ok(Metadata::try_from(pairs)?)
}

fn state(row: &mut TurnRow) -> Result<TurnState, InconsistentRow> {
    let id = row.id.0;
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    Ok(match row.status.as_str() {
        "running" => TurnState::Running { response: row.response.take().unwrap_or_default() },
        "completed" => TurnState::Completed(answer(row)?),
        "incomplete" => {
            let reason = named(&row.incomplete_reason).parse().in_row(TABLE, "incomplete_reason", id)?;
            TurnState::Incomplete(answer(row)?, reason)
        }
        "cancelled" => TurnState::Cancelled(answer(row)?),
        "failed" => TurnState::Failed(named(&row.failure).parse().in_row(TABLE, "failure", id)?),
        other => return Err(format!("unknown status {other:?}")).in_row(TABLE, "status", id),
    })
}

fn answer(row: &mut TurnRow) -> Result<Answer, InconsistentRow> {
    let id = row.id.0;
    let tokens = |count: Option<i64>| u32::try_from(count.unwrap_or_default());
    Ok(Answer {
        response: row.response.take().unwrap_or_default(),
        parts: row.parts.take().map(|parts| parts::from_json(parts.0)).transpose().in_row(TABLE, "parts", id)?,
        image_url: row.image_url.take(),
        usage: Usage {
            input_tokens: tokens(row.input_tokens).in_row(TABLE, "input_tokens", id)?,
            output_tokens: tokens(row.output_tokens).in_row(TABLE, "output_tokens", id)?,
        },
    })
}

/// What a context needs of an earlier turn.
#[derive(Queryable)]
pub(crate) struct PastTurnRow {
    pub request_question: String,
    pub response: String,
    pub tokens: i64,
    pub expiry_timestamp: Time,
}

impl From<PastTurnRow> for PastTurn {
    fn from(row: PastTurnRow) -> Self {
        Self {
            question: row.request_question,
            response: row.response,
            tokens: u32::try_from(row.tokens).unwrap_or(u32::MAX),
            expiry_timestamp: row.expiry_timestamp.0,
        }
    }
}

/// What is stored of a turn that has ended.
#[derive(Clone)]
pub(crate) struct FinishedRow {
    pub id: Id,
    pub owner: Id,
    pub status: &'static str,
    pub incomplete_reason: Option<&'static str>,
    pub failure: Option<&'static str>,
    pub response: Option<String>,
    pub parts: Option<Json>,
    pub image_url: Option<String>,
    pub model: Option<String>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub completed_at: Time,
}

impl FinishedRow {
    /// Whether there is no output, so that the same request may be tried again.
    pub(crate) fn gave_nothing(&self) -> bool {
        let is_empty = self.response.as_deref().is_none_or(str::is_empty) && self.parts.is_none();
        self.failure.is_some() || (self.status == "cancelled" && is_empty)
    }
}

impl TryFrom<FinishedTurn> for FinishedRow {
    type Error = Unexpected;

    fn try_from(finished: FinishedTurn) -> Result<Self, Unexpected> {
        let status = finished.state.as_str();
        let (answer, incomplete_reason, failure) = match finished.state {
            TurnState::Running { .. } => return Err(Unexpected::new("a running turn has not ended")),
            TurnState::Completed(answer) | TurnState::Cancelled(answer) => (Some(answer), None, None),
            TurnState::Incomplete(answer, reason) => (Some(answer), Some(reason.as_str()), None),
            TurnState::Failed(failure) => (None, None, Some(failure.as_str())),
        };
        let usage = answer.as_ref().map(|answer| answer.usage);
        let (response, parts, image_url) = match answer {
            Some(answer) => (Some(answer.response), answer.parts, answer.image_url),
            None => (None, None, None),
        };
        Ok(Self {
            id: Id(finished.id.as_uuid()),
            owner: Id(finished.replica.as_uuid()),
            status,
            incomplete_reason,
            failure,
            response,
            parts: parts.map(parts::to_json).transpose()?.map(Json),
            image_url,
            model: finished.model.map(ModelName::into_string),
            input_tokens: usage.map(|usage| i64::from(usage.input_tokens)),
            output_tokens: usage.map(|usage| i64::from(usage.output_tokens)),
            completed_at: Time(finished.completed_at),
        })
    }
}
