use std::collections::BTreeMap;

use domain::conversation as model;
use domain::id::TurnId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;

/// A conversation, without its turns.
#[derive(Serialize, ToSchema)]
pub(crate) struct Conversation {
    /// Which conversation.
    id: Uuid,
    /// What it is called.
    #[schema(example = "Trip to Lisbon")]
    title: Option<String>,
    /// The model that answers unless a question names another.
    model: Option<String>,
    /// What the model is told before anything else.
    #[schema(example = "Answer briefly.")]
    system: Option<String>,
    /// Its owner's notes.
    metadata: BTreeMap<String, String>,
    /// How many seconds its turns are kept, where that is not the server's default.
    #[schema(example = 2_592_000)]
    ttl_seconds: Option<u32>,
    /// Whether it was put away.
    archived: bool,
    /// Whether it was pinned.
    pinned: bool,
    /// The newest turn of the active branch.
    leaf_turn_id: Option<Uuid>,
    /// When it was made.
    created_at: Timestamp,
    /// When something was last said or changed in it.
    updated_at: Timestamp,
    /// When it expires, if nothing more is said in it.
    expiry_timestamp: Timestamp,
}

impl From<model::Conversation> for Conversation {
    fn from(conversation: model::Conversation) -> Self {
        Self {
            id: conversation.id.as_uuid(),
            title: conversation.title.map(model::Title::into_string),
            model: conversation.model.map(model::ModelName::into_string),
            system: conversation.system.map(model::SystemPrompt::into_string),
            metadata: conversation.metadata.pairs().clone(),
            ttl_seconds: conversation.ttl.map(model::TimeToLive::seconds),
            archived: conversation.archived,
            pinned: conversation.pinned,
            leaf_turn_id: conversation.leaf_turn_id.map(TurnId::as_uuid),
            created_at: Timestamp(conversation.created_at),
            updated_at: Timestamp(conversation.updated_at),
            expiry_timestamp: Timestamp(conversation.expiry_timestamp),
        }
    }
}
