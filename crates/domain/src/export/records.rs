use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::Unexpected;
use crate::api_key::ApiKey;
use crate::conversation::{Conversation, Turn};
use crate::id::{ApiKeyId, ConversationId, SessionId, UserId};
use crate::session::Client;

/// A session, live or over.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Which session.
    pub id: SessionId,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// When it was ended, if it was.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why, in a word.
    pub end_reason: Option<String>,
    /// What it was opened with.
    pub client: Client,
}

/// An API key, good or not.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The key.
    pub key: ApiKey,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Port: everything that is stored about somebody, for reading in full: also what has ended, expired or was put away.
///
/// Each method gives at most `limit` rows in the order of their ids, those after `after`.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RecordRepository: Send + Sync {
    /// Their sessions.
    async fn sessions(
        &self,
        owner: UserId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, Unexpected>;

    /// Their API keys.
    async fn api_keys(&self, owner: UserId, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyRecord>, Unexpected>;

    /// Their conversations.
    async fn conversations(
        &self,
        owner: UserId,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<Conversation>, Unexpected>;

    /// The turns of one of their conversations, by `seq`, those after that one. What runs comes with its text so far.
    async fn turns(
        &self,
        owner: UserId,
        conversation: ConversationId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<Turn>, Unexpected>;

    /// How many turns they have, about; it must not take long.
    async fn count_turns(&self, owner: UserId) -> Result<u64, Unexpected>;
}
