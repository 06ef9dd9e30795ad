use std::sync::Arc;

use super::{
    Conversation, ConversationRepository, Metadata, ModelName, NewConversation, SystemPrompt, TimeToLive, Title, Turn,
    TurnRepository,
};
use crate::Unexpected;
use crate::access::Principal;
use crate::chat::ChatEngine;
use crate::clock::Clock;
use crate::id::{ConversationId, IdGenerator, TurnId};
use crate::page::{ListError, Page, PageRequest};

/// What a caller wishes of a new conversation.
#[derive(Clone, Debug, Default)]
pub struct ConversationDraft {
    /// Its name.
    pub title: Option<Title>,
    /// Its model.
    pub model: Option<ModelName>,
    /// Its system prompt.
    pub system: Option<SystemPrompt>,
    /// The caller's notes.
    pub metadata: Metadata,
    /// How long its turns are kept.
    pub ttl: Option<TimeToLive>,
}

/// Why a conversation was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No engine offers its model, so that no question in it could be answered.
    #[error("there is no such model")]
    UnknownModel,
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: making and reading conversations. Callers see their own only.
#[derive(Clone)]
pub struct ConversationService {
    conversations: Arc<dyn ConversationRepository>,
    turns: Arc<dyn TurnRepository>,
    engine: Arc<dyn ChatEngine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    default_ttl: TimeToLive,
}

impl ConversationService {
    /// The use case over these ports. `engine` is asked only what it offers; a conversation without a time of its own is kept for `default_ttl`.
    pub fn new(
        conversations: Arc<dyn ConversationRepository>,
        turns: Arc<dyn TurnRepository>,
        engine: Arc<dyn ChatEngine>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        default_ttl: TimeToLive,
    ) -> Self {
        Self { conversations, turns, engine, clock, ids, default_ttl }
    }

    /// Makes a conversation and returns it.
    pub async fn create(&self, caller: &Principal, draft: ConversationDraft) -> Result<Conversation, CreateError> {
        if let Some(model) = &draft.model
            && !self.engine.offers(model)
        {
            return Err(CreateError::UnknownModel);
        }
        let created_at = self.clock.now();
        let conversation = NewConversation {
            id: ConversationId::generate(&*self.ids),
            user_id: caller.user_id,
            title: draft.title,
            model: draft.model,
            system: draft.system,
            metadata: draft.metadata,
            ttl: draft.ttl,
            created_at,
            expiry_timestamp: draft.ttl.unwrap_or(self.default_ttl).after(created_at),
        };
        self.conversations.create(conversation.clone()).await?;
        Ok(conversation.into_conversation())
    }

    /// The caller's conversation of that id.
    pub async fn conversation(
        &self,
        caller: &Principal,
        id: ConversationId,
    ) -> Result<Option<Conversation>, Unexpected> {
        self.conversations.find(caller.user_id, id, self.clock.now()).await
    }

    /// The caller's conversations, by their last activity.
    pub async fn conversations(
        &self,
        caller: &Principal,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, ListError> {
        self.conversations.list(caller.user_id, page, self.clock.now()).await
    }

    /// The caller's turn of that id.
    pub async fn turn(&self, caller: &Principal, id: TurnId) -> Result<Option<Turn>, Unexpected> {
        self.turns.find(caller.user_id, id, self.clock.now()).await
    }

    /// The turns of the caller's conversation, by `seq`.
    pub async fn turns(
        &self,
        caller: &Principal,
        conversation: ConversationId,
        page: PageRequest<TurnId>,
    ) -> Result<Page<Turn>, ListError> {
        self.turns.list(caller.user_id, conversation, page, self.clock.now()).await
    }
}
