use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::conversation::{Conversation, ConversationRepository, NewConversation, Turn, TurnRepository};
use domain::id::{ConversationId, TurnId, UserId};
use domain::page::{ListError, Page, PageRequest};

use super::{MemoryStore, Rows, page_of};

impl Rows {
    pub(super) fn conversation(&self, owner: UserId, id: ConversationId, now: DateTime<Utc>) -> Option<&Conversation> {
        self.conversations.get(&id).filter(|row| row.user_id == owner && row.expiry_timestamp > now)
    }
}

#[async_trait]
impl ConversationRepository for MemoryStore {
    async fn create(&self, conversation: NewConversation) -> Result<(), Unexpected> {
        self.rows().conversations.insert(conversation.id, conversation.into_conversation());
        Ok(())
    }

    async fn find(
        &self,
        owner: UserId,
        id: ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Option<Conversation>, Unexpected> {
        Ok(self.rows().conversation(owner, id, now).cloned())
    }

    async fn list(
        &self,
        owner: UserId,
        page: PageRequest<ConversationId>,
        now: DateTime<Utc>,
    ) -> Result<Page<Conversation>, ListError> {
        let rows = self.rows();
        let is_listed = |row: &&Conversation| row.user_id == owner && !row.archived && row.expiry_timestamp > now;
        let listed = rows.conversations.values().filter(is_listed).cloned().collect();
        page_of(listed, page, |row: &Conversation| row.id, |row| (row.updated_at, row.id), |_| true)
    }
}

#[async_trait]
impl TurnRepository for MemoryStore {
    async fn find(&self, owner: UserId, id: TurnId, now: DateTime<Utc>) -> Result<Option<Turn>, Unexpected> {
        let rows = self.rows();
        let row = rows.turns.get(&id).filter(|row| row.turn.user_id == owner && row.turn.expiry_timestamp > now);
        Ok(row.map(super::TurnRow::read))
    }

    async fn list(
        &self,
        owner: UserId,
        conversation: ConversationId,
        page: PageRequest<TurnId>,
        now: DateTime<Utc>,
    ) -> Result<Page<Turn>, ListError> {
        let rows = self.rows();
        rows.conversation(owner, conversation, now).ok_or(ListError::NotFound)?;
        let turns = rows.turns.values().map(super::TurnRow::read);
        let listed = turns.filter(|turn| turn.conversation_id == conversation && turn.expiry_timestamp > now);
        page_of(listed.collect(), page, |turn: &Turn| turn.id, |turn| turn.seq, |_| true)
    }
}
