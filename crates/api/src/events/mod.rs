//! What happens in a turn, as it is sent: the same events over server-sent events and over a WebSocket.
//!
//! An event's `id` is the reader's position after it, `<parts>.<offset>`: it does not depend on how the text was cut into
//! pieces or on which replica sends it, so that a reader goes on with it anywhere.

mod sse;

use domain::chat::{Finished, Position, Told, TurnEvent, TurnEventKind};
use domain::conversation::{IncompleteReason, ModelName, Turn, TurnState};
use domain::id::{ConversationId, SessionId, TurnId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::dto::{Part, Timestamp, Usage};
use crate::error::ApiError;

pub(crate) use sse::{EventStream, wants_events};

/// One event, ready to be sent.
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) id: Option<Position>,
    pub(crate) body: EventBody,
}

/// The event's own members.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EventBody {
    Created(TurnCreated),
    Delta(TurnDelta),
    Part(TurnPart),
    Usage(Usage),
    Ended(Box<TurnEnded>),
    SessionEnded(SessionEnded),
}

/// `turn.created`: the question is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct TurnCreated {
    turn_id: Uuid,
    conversation_id: Uuid,
    /// The session that the question was asked in, if there was one.
    session_id: Option<Uuid>,
    /// How the turn stood when reading began; `running` if it was just made.
    #[schema(example = "running")]
    status: &'static str,
}

/// `turn.delta`: there is more text.
#[derive(Serialize, ToSchema)]
pub(crate) struct TurnDelta {
    text: String,
}

/// `turn.part`: there is a part that is more than text.
#[derive(Serialize, ToSchema)]
pub(crate) struct TurnPart {
    /// Its place in `parts` of the turn.
    index: usize,
    part: Part,
}

/// `turn.completed`, `turn.incomplete`, `turn.cancelled` or `turn.failed`: the turn has ended, and that is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct TurnEnded {
    turn_id: Uuid,
    conversation_id: Uuid,
    session_id: Option<Uuid>,
    /// `completed`, `incomplete`, `cancelled` or `failed`.
    #[schema(example = "completed")]
    status: &'static str,
    /// Why the answer stopped before its end, if it did.
    incomplete_reason: Option<&'static str>,
    /// UTF-8 bytes of the stored text. Whoever has more, because the server that told it died, cuts it to this.
    #[schema(example = 42)]
    length: usize,
    /// The first picture in the answer.
    graph_url: Option<String>,
    /// The model that answered, where that is known.
    model: Option<String>,
    completed_at: Option<Timestamp>,
    /// Why there is no answer, if there is none.
    error: Option<EventError>,
}

/// What went wrong, in the codes of problem documents.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventError {
    #[schema(example = "engine_unavailable")]
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The seconds after which trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

/// `session.ended`: the reader's session is over. The turn is not.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionEnded {}

impl Event {
    /// The turn as it is when reading begins.
    pub(crate) fn of_turn(turn: &Turn) -> Self {
        Self::begun(turn.id, turn.conversation_id, turn.session_id, turn.state.as_str())
    }

    /// A turn that has just been made.
    pub(crate) fn created(turn: TurnId, conversation: ConversationId, session: Option<SessionId>) -> Self {
        Self::begun(turn, conversation, session, "running")
    }

    fn begun(turn: TurnId, conversation: ConversationId, session: Option<SessionId>, status: &'static str) -> Self {
        let body = EventBody::Created(TurnCreated {
            turn_id: turn.as_uuid(),
            conversation_id: conversation.as_uuid(),
            session_id: session.map(SessionId::as_uuid),
            status,
        });
        Self { name: "turn.created", id: Some(Position::START), body }
    }

    pub(crate) const fn session_ended() -> Self {
        Self { name: "session.ended", id: None, body: EventBody::SessionEnded(SessionEnded {}) }
    }

    /// What is sent of it: the end of a turn that has an answer comes with what that cost.
    pub(crate) fn of(event: TurnEvent) -> Vec<Self> {
        let id = Some(event.position);
        match event.kind {
            TurnEventKind::Told(Told::Text(text)) => {
                vec![Self { name: "turn.delta", id, body: EventBody::Delta(TurnDelta { text }) }]
            }
            TurnEventKind::Told(Told::Part { index, part }) => {
                let part = Part::from_model(part).map(|part| EventBody::Part(TurnPart { index, part }));
                part.map(|body| Self { name: "turn.part", id, body }).into_iter().collect()
            }
            TurnEventKind::Ended(finished) => {
                let usage = finished.turn.state.answer().map(|answer| EventBody::Usage(answer.usage.into()));
                let usage = usage.map(|body| Self { name: "turn.usage", id, body });
                usage.into_iter().chain([Self::ended(*finished, event.position)]).collect()
            }
        }
    }

    /// The same event in several, none of which has more than `max` bytes of text (four at least).
    pub(crate) fn split(self, max: usize) -> Vec<Self> {
        let (EventBody::Delta(TurnDelta { text }), Some(end)) = (&self.body, self.id) else { return vec![self] };
        let mut rest = text.as_str();
        let mut pieces = Vec::with_capacity(text.len() / max + 1);
        while !rest.is_empty() {
            let fits = (0..=max.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(fits);
            rest = after;
            let id = Some(Position { offset: end.offset - rest.len(), ..end });
            pieces.push(Self { name: self.name, id, body: EventBody::Delta(TurnDelta { text: piece.to_owned() }) });
        }
        pieces
    }

    fn ended(Finished { turn, retry_after }: Finished, end: Position) -> Self {
        let name = match turn.state {
            TurnState::Completed(_) => "turn.completed",
            TurnState::Incomplete(..) | TurnState::Running { .. } => "turn.incomplete",
            TurnState::Cancelled(_) => "turn.cancelled",
            TurnState::Failed(_) => "turn.failed",
        };
        let error = match &turn.state {
            TurnState::Failed(failure) => {
                Some(ApiError::engine_failed(*failure).retry_after_at_least(retry_after).to_event())
            }
            _ => None,
        };
        let body = TurnEnded {
            turn_id: turn.id.as_uuid(),
            conversation_id: turn.conversation_id.as_uuid(),
            session_id: turn.session_id.map(SessionId::as_uuid),
            status: turn.state.as_str(),
            incomplete_reason: turn.state.incomplete_reason().map(IncompleteReason::as_str),
            length: end.offset,
            graph_url: turn.state.answer().and_then(|answer| answer.image_url.clone()),
            model: turn.model.map(ModelName::into_string),
            completed_at: turn.completed_at.map(Timestamp),
            error,
        };
        Self { name, id: Some(end), body: EventBody::Ended(Box::new(body)) }
    }
}
