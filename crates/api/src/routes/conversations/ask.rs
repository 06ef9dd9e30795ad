use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Path;
use domain::chat::{Ask, IdempotencyClaim, OnBusy, OnDisconnect, OutputTokens, Sampling, Temperature};
use domain::conversation::{Metadata, ModelName, Question};
use domain::id::ConversationId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::dto::{self, Turn};
use crate::error::ApiError;
use crate::events::EventBody;
use crate::extract::permission::WriteConversations;
use crate::extract::{Body, Caller, Validation, named_id, on_busy, on_disconnect, unique_keys};
use crate::openapi::{
    Conflict, EngineFailures, Forbidden, Gone, InternalError, JsonBody, Missing, RateLimited, Unauthenticated,
};
use crate::routes::asking::{Asking, Delivery, path_of};

/// A question, and how it shall be answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct NewTurn {
    /// The question: 1 byte to 64 KiB of text.
    #[schema(example = "What is my name?")]
    input: String,
    /// The model that shall answer; without it the conversation's, else the engine's default.
    model: Option<String>,
    /// Whether the answer comes as server-sent events.
    stream: Option<bool>,
    /// Whether to respond at once, and have the answer read later.
    background: Option<bool>,
    /// What becomes of another turn that runs in the conversation: `reject` (this one is refused, the default) or
    /// `interrupt` (that one is cancelled, and this one runs).
    #[schema(example = "reject")]
    on_busy: Option<String>,
    /// What becomes of the turn when its last reader goes: `continue` (the default) or `cancel`.
    #[schema(example = "continue")]
    on_disconnect: Option<String>,
    /// How freely the model chooses its words: 0 to 2.
    temperature: Option<f32>,
    /// The most tokens of the answer: 1 to 1,000,000.
    max_output_tokens: Option<u64>,
    /// The caller's own notes: at most 16 pairs, keys of 1 to 64 and values of at most 512 characters.
    #[serde(default, deserialize_with = "unique_keys")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Option<BTreeMap<String, String>>,
}

/// Ask in a conversation
///
/// As `POST /chat`, with more to say about how. The answer comes whole (201), as server-sent events (`stream`, or
/// `Accept: text/event-stream`), or is left to be read later (`background`: 202).
#[utoipa::path(
    post,
    path = "/api/v1/conversations/{id}/turns",
    operation_id = "createTurn",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    request_body = NewTurn,
    params(
        ("id" = uuid::Uuid, Path, description = "Which conversation"),
        (
            "Idempotency-Key" = Option<String>, Header,
            description = "A name for this request, 1 to 255 visible ASCII characters, kept for 24 hours"
        ),
    ),
    responses(
        (
            status = 201,
            description = "The turn, with its answer",
            body = Turn,
            headers(
                ("Location" = String, description = "The path of the turn"),
                ("Idempotent-Replayed" = String, description = "`true` when an earlier request was answered")
            )
        ),
        (status = 200, description = "The answer as it comes", content_type = "text/event-stream", body = EventBody),
        (status = 202, description = "The turn runs; read it at `Location`", body = Turn),
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
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let conversation = named_id(&path)?;
    let (turn, idempotency) = asking.receive::<NewTurn>(body).await?;
    let delivery = asking.delivery(turn.stream);
    let (ask, delivery) = turn.into_ask(conversation, idempotency, delivery)?;
    asking.respond(&caller.0, ask, delivery, whole).await
}

fn whole(turn: domain::conversation::Turn, is_replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, path_of(turn.id)));
    if is_replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    response.json(dto::Turn::from(turn))
}

impl NewTurn {
    fn into_ask(
        self,
        conversation: ConversationId,
        idempotency: Option<IdempotencyClaim>,
        unless_in_background: Delivery,
    ) -> Result<(Ask, Delivery), ApiError> {
        let mut validation = Validation::default();
        let question = validation.field("/input", Question::try_from(self.input));
        let model = validation.optional("/model", self.model.map(ModelName::try_from));
        let metadata = validation.field("/metadata", Metadata::try_from(self.metadata.unwrap_or_default()));
        let temperature = validation.optional("/temperature", self.temperature.map(Temperature::try_from));
        let tokens = validation.optional("/max_output_tokens", self.max_output_tokens.map(OutputTokens::try_from));
        let busy = validation.field("/on_busy", on_busy(self.on_busy.as_deref()));
        let disconnect = validation.field("/on_disconnect", on_disconnect(self.on_disconnect.as_deref()));
        let delivery = if self.background == Some(true) {
            if self.stream == Some(true) {
                validation.refuse("/stream", "must not be true in the background");
            }
            if matches!(disconnect, Ok(OnDisconnect::Cancel)) {
                validation.refuse("/on_disconnect", "must not be cancel in the background, where nobody reads");
            }
            Delivery::Background
        } else {
            unless_in_background
        };
        let fields = (question, model, metadata, temperature, tokens, busy, disconnect);
        match fields {
            (Ok(question), Ok(model), Ok(metadata), Ok(temperature), Ok(max_output_tokens), Ok(busy), Ok(left))
                if !validation.has_errors() =>
            {
                let sampling = Sampling { temperature, max_output_tokens };
                let (on_busy, on_disconnect): (OnBusy, OnDisconnect) = (busy, left);
                let conversation = Some(conversation);
                let ask = Ask {
                    conversation,
                    model,
                    metadata,
                    sampling,
                    on_busy,
                    on_disconnect,
                    idempotency,
                    ..Ask::new(question)
                };
                Ok((ask, delivery))
            }
            _ => Err(validation.into_error()),
        }
    }
}
