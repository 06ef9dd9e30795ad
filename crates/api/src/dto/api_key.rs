use domain::api_key as model;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Which key.
    id: Uuid,
    /// What it is called.
    #[schema(example = "nightly report")]
    name: String,
    /// What it passes on of its owner's rights.
    #[schema(example = json!(["conversations:read"]))]
    scopes: Vec<&'static str>,
    /// When it was made.
    created_at: Timestamp,
    /// Until when it can be used.
    expires_at: Timestamp,
    /// When it was last used, to the minute.
    last_used_at: Option<Timestamp>,
}

impl From<model::ApiKey> for ApiKey {
    fn from(key: model::ApiKey) -> Self {
        Self {
            id: key.id.as_uuid(),
            name: key.name.to_string(),
            scopes: key.scopes.iter().map(domain::access::Scope::as_str).collect(),
            created_at: Timestamp(key.created_at),
            expires_at: Timestamp(key.expires_at),
            last_used_at: key.last_used_at.map(Timestamp),
        }
    }
}
