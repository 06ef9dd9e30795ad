use std::collections::BTreeMap;

use domain::conversation as model;
use domain::conversation::TurnState;
use domain::id::{SessionId, TurnId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Part, Timestamp};

/// What an answer cost, in tokens.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names that every model's API has")]
pub(crate) struct Usage {
    /// What the model was given.
    #[schema(example = 42)]
    input_tokens: u32,
    /// What the model made.
    #[schema(example = 7)]
    output_tokens: u32,
    /// Both.
    #[schema(example = 49)]
    total_tokens: u64,
}

impl From<model::Usage> for Usage {
    fn from(usage: model::Usage) -> Self {
        let model::Usage { input_tokens, output_tokens } = usage;
        Self { input_tokens, output_tokens, total_tokens: u64::from(input_tokens) + u64::from(output_tokens) }
    }
}

/// A question and its answer, as far as there is one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Turn {
    /// Which turn.
    id: Uuid,
    /// Where it was said.
    conversation_id: Uuid,
    /// The session it was asked in, if there was one.
    session_id: Option<Uuid>,
    /// Its place in the conversation, counted from 1.
    #[schema(example = 1)]
    seq: i64,
    /// The turn it follows.
    parent_turn_id: Option<Uuid>,
    /// How it came to be: `answered` or `imported`.
    #[schema(example = "answered")]
    kind: &'static str,
    /// Where it stands: `running`, `completed`, `incomplete`, `cancelled` or `failed`.
    #[schema(example = "completed")]
    status: &'static str,
    /// Why the answer stopped before its end: `max_output_tokens`, `upstream_timeout`, `upstream_error`,
    /// `server_restart` or `content_filter`.
    incomplete_reason: Option<&'static str>,
    /// Why there is no answer: `engine_unavailable`, `engine_timeout` or `engine_error`.
    failure: Option<&'static str>,
    /// What was asked.
    #[schema(example = "My name is Ada.")]
    request_question: String,
    /// The text of the answer; while the turn runs, as far as it has been stored.
    #[schema(example = "Nice to meet you, Ada.")]
    response: Option<String>,
    /// All of the answer, where it is more than text.
    parts: Option<Vec<Part>>,
    /// The first picture in the answer.
    graph_url: Option<String>,
    /// The model that answered, where that is known.
    model: Option<String>,
    /// The asker's notes.
    metadata: BTreeMap<String, String>,
    /// What the answer cost, once it is there.
    usage: Option<Usage>,
    /// When it was asked.
    entry_time: Timestamp,
    /// When it ended.
    completed_at: Option<Timestamp>,
    /// When it expires.
    expiry_timestamp: Timestamp,
}

impl From<model::Turn> for Turn {
    fn from(turn: model::Turn) -> Self {
        let status = turn.state.as_str();
        let incomplete_reason = turn.state.incomplete_reason().map(model::IncompleteReason::as_str);
        let failure = match turn.state {
            TurnState::Failed(failure) => Some(failure.as_str()),
            TurnState::Running { .. }
            | TurnState::Completed(_)
            | TurnState::Incomplete(..)
            | TurnState::Cancelled(_) => None,
        };
        let answer = AnswerFields::from(turn.state);
        Self {
            id: turn.id.as_uuid(),
            conversation_id: turn.conversation_id.as_uuid(),
            session_id: turn.session_id.map(SessionId::as_uuid),
            seq: turn.seq,
            parent_turn_id: turn.parent_turn_id.map(TurnId::as_uuid),
            kind: turn.kind.as_str(),
            status,
            incomplete_reason,
            failure,
            request_question: turn.request_question.as_str().to_owned(),
            response: answer.response,
            parts: answer.parts,
            graph_url: answer.graph_url,
            model: turn.model.map(model::ModelName::into_string),
            metadata: turn.metadata.pairs().clone(),
            usage: answer.usage,
            entry_time: Timestamp(turn.entry_time),
            completed_at: turn.completed_at.map(Timestamp),
            expiry_timestamp: Timestamp(turn.expiry_timestamp),
        }
    }
}

/// What a turn shows of its answer, wherever it is shown.
#[derive(Default)]
pub(crate) struct AnswerFields {
    pub(crate) response: Option<String>,
    pub(crate) parts: Option<Vec<Part>>,
    pub(crate) graph_url: Option<String>,
    pub(crate) usage: Option<Usage>,
}

impl From<TurnState> for AnswerFields {
    fn from(state: TurnState) -> Self {
        match state {
            TurnState::Running { response } => Self { response: Some(response), ..Self::default() },
            TurnState::Completed(answer) | TurnState::Incomplete(answer, _) | TurnState::Cancelled(answer) => Self {
                response: Some(answer.response),
                parts: answer.parts.map(|parts| parts.into_iter().filter_map(Part::from_model).collect()),
                graph_url: answer.image_url,
                usage: Some(answer.usage.into()),
            },
            TurnState::Failed(_) => Self::default(),
        }
    }
}
