use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::chat::{Ask, ChatService, IdempotencyClaim};
use domain::conversation::{IncompleteReason, ModelName, Question, Turn};
use domain::id::SessionId;
use serde::{Deserialize, Serialize};
use tracing::Span;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::dto::{AnswerFields, Part, Usage};
use crate::error::ApiError;
use crate::extract::{Body, Caller, MediaType, Validation, idempotency_claim, parse_json};
use crate::openapi::{Conflict, EngineFailures, Gone, InternalError, JsonBody, Missing, Unauthenticated};
use crate::services::ApiSettings;

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
    /// Streaming is not available in this version: absent, or `false`.
    #[schema(example = false)]
    stream: Option<bool>,
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
/// changes nothing: the answer can be read as a turn later. With an `Idempotency-Key`, a repeated request gives the
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
            description = "The answer",
            body = ChatResponse,
            headers(("Idempotent-Replayed" = String, description = "`true` when an earlier request was answered"))
        ),
        Unauthenticated,
        JsonBody,
        Missing,
        Conflict,
        Gone,
        InternalError,
        EngineFailures,
    )
)]
pub(crate) async fn ask(
    caller: Caller,
    chat: Data<ChatService>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    settings.take_new_work()?;
    let bytes = body.read(MediaType::Json).await?;
    // The body may have taken its time, and nobody waits for a turn that begins late.
    settings.take_new_work()?;
    let idempotency = idempotency_claim(&request, &bytes)?;
    let ask = parse_json::<ChatRequest>(&bytes)?.into_ask(idempotency)?;
    let answered = chat.ask(&caller.0, ask).await?;
    Span::current().record("turn_id", tracing::field::display(answered.turn.id));
    let mut response = HttpResponse::Ok();
    if answered.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(ChatResponse::from(answered.turn)))
}

impl ChatRequest {
    fn into_ask(self, idempotency: Option<IdempotencyClaim>) -> Result<Ask, ApiError> {
        let mut validation = Validation::default();
        let question = validation.field("/question", Question::try_from(self.question));
        let conversation = validation.optional("/conversation_id", self.conversation_id.map(|id| id.parse()));
        let model = validation.optional("/model", self.model.map(ModelName::try_from));
        let whole = match self.stream {
            Some(true) => Err("must be false: streaming is not available in this version"),
            Some(false) | None => Ok(()),
        };
        let whole = validation.field("/stream", whole);
        let (Ok(question), Ok(conversation), Ok(model), Ok(())) = (question, conversation, model, whole) else {
            return Err(validation.into_error());
        };
        Ok(Ask { conversation, model, idempotency, ..Ask::new(question) })
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
