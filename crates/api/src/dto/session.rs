use domain::id::SessionId;
use domain::session::SessionEntry;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;

/// A session that can be used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Which session.
    id: Uuid,
    /// When it was opened.
    created_at: Timestamp,
    /// When it was last used, to the minute.
    last_seen_at: Timestamp,
    /// When it ends if it is not used again, or at the latest.
    expires_at: Timestamp,
    /// The address it was opened from.
    #[schema(example = "203.0.113.7")]
    ip: Option<String>,
    /// What it was opened with.
    #[schema(example = "curl/8.5.0")]
    user_agent: Option<String>,
    /// Whether this request came with it.
    current: bool,
}

impl Session {
    pub(crate) fn new(session: SessionEntry, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.as_uuid(),
            created_at: Timestamp(session.created_at),
            last_seen_at: Timestamp(session.last_seen_at),
            expires_at: Timestamp(session.expires_at),
            ip: session.client.ip.map(|ip| ip.to_string()),
            user_agent: session.client.user_agent,
            current: Some(session.id) == current,
        }
    }
}
