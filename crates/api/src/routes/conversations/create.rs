use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use domain::conversation::{
    ConversationDraft, ConversationService, Metadata, ModelName, SystemPrompt, TimeToLive, Title,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::dto::Conversation;
use crate::error::ApiError;
use crate::extract::permission::WriteConversations;
use crate::extract::{Body, Caller, Validation, unique_keys};
use crate::openapi::{Failures, Forbidden, JsonBody, Unauthenticated};

/// What a new conversation shall be like. Everything may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct NewConversation {
    /// At most 256 bytes.
    #[schema(example = "Trip to Lisbon")]
    title: Option<String>,
    /// The model that answers unless a question names another.
    model: Option<String>,
    /// What the model is told before anything else; at most 32 KiB.
    #[schema(example = "Answer briefly.")]
    system: Option<String>,
    /// The caller's own notes: at most 16 pairs, keys of 1 to 64 and values of at most 512 characters.
    #[serde(default, deserialize_with = "unique_keys")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Option<BTreeMap<String, String>>,
    /// How many seconds what is said is kept: 1 to 315,360,000.
    #[schema(example = 2_592_000)]
    ttl_seconds: Option<u64>,
}

/// Make a conversation
#[utoipa::path(
    post,
    path = "/api/v1/conversations",
    operation_id = "createConversation",
    tag = "conversations",
    security(("token" = []), ("login" = [])),
    request_body = NewConversation,
    responses(
        (
            status = 201,
            description = "Made",
            body = Conversation,
            headers(("Location" = String, description = "The path of the new conversation"))
        ),
        Unauthenticated,
        Forbidden,
        JsonBody,
        Failures,
    )
)]
pub(crate) async fn create(
    caller: Caller<WriteConversations>,
    conversations: Data<ConversationService>,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let draft = body.json::<NewConversation>().await?.into_draft()?;
    let conversation = conversations.create(&caller.0, draft).await?;
    let location = format!("/api/v1/conversations/{}", conversation.id);
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(Conversation::from(conversation)))
}

impl NewConversation {
    fn into_draft(self) -> Result<ConversationDraft, ApiError> {
        let mut validation = Validation::default();
        let title = validation.optional("/title", self.title.map(Title::try_from));
        let model = validation.optional("/model", self.model.map(ModelName::try_from));
        let system = validation.optional("/system", self.system.map(SystemPrompt::try_from));
        let metadata = validation.field("/metadata", Metadata::try_from(self.metadata.unwrap_or_default()));
        let ttl = validation.optional("/ttl_seconds", self.ttl_seconds.map(TimeToLive::try_from));
        match (title, model, system, metadata, ttl) {
            (Ok(title), Ok(model), Ok(system), Ok(metadata), Ok(ttl)) => {
                Ok(ConversationDraft { title, model, system, metadata, ttl })
            }
            _ => Err(validation.into_error()),
        }
    }
}
