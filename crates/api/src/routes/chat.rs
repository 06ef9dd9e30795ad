use actix_web::HttpResponse;
use domain::chat::{Ask, IdempotencyClaim};
use domain::conversation::{IncompleteReason, ModelName, Question, Turn};
use domain::id::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::dto::{AnswerFields, Part, Usage};
use crate::error::ApiError;
use crate::events::EventBody;
use crate::extract::permission::WriteConversations;
use crate::extract::{Body, Caller, Validation, on_busy, on_disconnect};
use crate::openapi::{
    Conflict, EngineFailures, Forbidden, Gone, InternalError, JsonBody, Missing, RateLimited, Unauthenticated,
};
use crate::routes::asking::Asking;

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct ChatRequest {
    /// 1 byte to 64 KiB of text.
    #[schema(example = "My name is Ada. What is yours?")]
    question: String,
    /// Where it is said. Without it the current conversation goes on: that of the session's last turn, else the
    /// user's latest one, else a new one.
    #[schema(format = Uuid)]
    conversation_id: Option<String>,
    /// The model that shall answer; without it the conversation's, else the engine's default.
    model: Option<String>,
    /// Whether the answer comes as server-sent events; without it, whether `Accept` says `text/event-stream`.
    #[schema(example = false)]
    stream: Option<bool>,
    /// What becomes of another turn that runs in the conversation: `reject` (this one is refused, the default) or
    /// `interrupt` (that one is cancelled, and this one runs).
    #[schema(example = "reject")]
    on_busy: Option<String>,
    /// What becomes of the turn when its last reader goes: `continue` (the default) or `cancel`.
    #[schema(example = "continue")]
    on_disconnect: Option<String>,
}

/// An answer that has been stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatResponse {
    /// The text of the answer.
    #[schema(example = "Nice to meet you, Ada.")]
    response: String,
    /// The first picture in the answer: a path of this server.
    graph_url: Option<String>,
    conversation_id: Uuid,
    turn_id: Uuid,
    /// The session the question was asked in, if there was one.
    session_id: Option<Uuid>,
    /// `completed`, `incomplete` or `cancelled`.
    #[schema(example = "completed")]
    status: &'static str,
    /// Why the answer stopped before its end, if it did: `max_output_tokens`, `upstream_timeout`, `upstream_error`,
    /// `server_restart` or `content_filter`.
    incomplete_reason: Option<&'static str>,
    /// All of the answer, where it is more than text.
    parts: Option<Vec<Part>>,
    usage: Option<Usage>,
}

/// Ask a question
///
/// The question is stored before the engine is asked, and the answer before it is sent. A client that goes away
/// changes nothing, unless it said `on_disconnect: cancel`: the answer can be read as a turn later. With `stream: true`, or
/// `Accept: text/event-stream`, the answer comes as server-sent events, as `GET /api/v1/turns/{id}/events` tells them. With an `Idempotency-Key`, a repeated request gives the
/// stored answer and asks nothing.
#[utoipa::path(
    post,
    path = "/chat",
    operation_id = "chat",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    request_body = ChatRequest,
    params((
        "Idempotency-Key" = Option<String>, Header,
        description = "A name for this request, 1 to 255 visible ASCII characters, kept for 24 hours"
    )),
    responses(
        (
            status = 200,
            description = "The answer, whole or as it comes",
            content((ChatResponse = "application/json"), (EventBody = "text/event-stream")),
            headers(("Idempotent-Replayed" = String, description = "`true` when an earlier request was answered"))
        ),
        Unauthenticated,
        Forbidden,
        JsonBody,
        Missing,
        Conflict,
        Gone,
        RateLimited,
        InternalError,
        EngineFailures,
    )
)]
pub(crate) async fn ask(
    caller: Caller<WriteConversations>,
    asking: Asking,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let (question, idempotency) = asking.receive::<ChatRequest>(body).await?;
    let delivery = asking.delivery(question.stream);
    asking.respond(&caller.0, question.into_ask(idempotency)?, delivery, whole).await
}

fn whole(turn: Turn, is_replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if is_replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(ChatResponse::from(turn))
}

impl ChatRequest {
    fn into_ask(self, idempotency: Option<IdempotencyClaim>) -> Result<Ask, ApiError> {
        let mut validation = Validation::default();
        let question = validation.field("/question", Question::try_from(self.question));
        let conversation = validation.optional("/conversation_id", self.conversation_id.map(|id| id.parse()));
        let model = validation.optional("/model", self.model.map(ModelName::try_from));
        let busy = validation.field("/on_busy", on_busy(self.on_busy.as_deref()));
        let disconnect = validation.field("/on_disconnect", on_disconnect(self.on_disconnect.as_deref()));
        let (Ok(question), Ok(conversation), Ok(model), Ok(on_busy), Ok(on_disconnect)) =
            (question, conversation, model, busy, disconnect)
        else {
            return Err(validation.into_error());
        };
        Ok(Ask { conversation, model, on_busy, on_disconnect, idempotency, ..Ask::new(question) })
    }
}

impl From<Turn> for ChatResponse {
    fn from(turn: Turn) -> Self {
        let status = turn.state.as_str();
        let incomplete_reason = turn.state.incomplete_reason().map(IncompleteReason::as_str);
        let AnswerFields { response, parts, graph_url, usage } = turn.state.into();
        Self {
            response: response.unwrap_or_default(),
            graph_url,
            conversation_id: turn.conversation_id.as_uuid(),
            turn_id: turn.id.as_uuid(),
            session_id: turn.session_id.map(SessionId::as_uuid),
            status,
            incomplete_reason,
            parts,
            usage,
        }
    }
}
