use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Conversation, NewConversation, Turn};
use crate::Unexpected;
use crate::id::{ConversationId, TurnId, UserId};
use crate::page::{ListError, Page, PageRequest};

/// Port: conversations at rest. Every method is atomic.
///
/// `owner` is part of every look-up: somebody else's conversation MUST give what a missing one gives. So
/// must one whose `expiry_timestamp` is not after `now`.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ConversationRepository: Send + Sync {
    /// Stores a conversation.
    async fn create(&self, conversation: NewConversation) -> Result<(), Unexpected>;

    /// The owner's conversation of that id.
    async fn find(
        &self,
        owner: UserId,
        id: ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Option<Conversation>, Unexpected>;

    /// The owner's conversations that are not archived, by their last activity.
    async fn list(
        &self,
        owner: UserId,
        page: PageRequest<ConversationId>,
        now: DateTime<Utc>,
    ) -> Result<Page<Conversation>, ListError>;
}

/// Port: turns at rest, for reading. They are written by [`crate::chat::TurnJournal`].
///
/// `owner` is part of every look-up, as with conversations. A running turn comes with the text that has
/// been stored of it so far. An expired turn is not found.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TurnRepository: Send + Sync {
    /// The owner's turn of that id.
    async fn find(&self, owner: UserId, id: TurnId, now: DateTime<Utc>) -> Result<Option<Turn>, Unexpected>;

    /// The turns of the owner's conversation, by `seq`. A conversation that does not exist, has expired or is
    /// somebody else's MUST be [`ListError::NotFound`].
    async fn list(
        &self,
        owner: UserId,
        conversation: ConversationId,
        page: PageRequest<TurnId>,
        now: DateTime<Utc>,
    ) -> Result<Page<Turn>, ListError>;
}
