use async_trait::async_trait;
use domain::Unexpected;
use domain::conversation::{Conversation, Turn};
use domain::export::{KeyRecord, RecordRepository, SessionRecord};
use domain::id::{ApiKeyId, ConversationId, SessionId, UserId};

use super::{MemoryStore, TurnRow};

/// At most `limit` of the rows whose key comes after that one.
fn after<T, Key: Ord>(
    rows: impl Iterator<Item = T>,
    key: impl Fn(&T) -> Key,
    last: Option<&Key>,
    limit: u32,
) -> Vec<T> {
    let mut rows: Vec<T> = rows.filter(|row| last.is_none_or(|last| key(row) > *last)).collect();
    rows.sort_by_key(key);
    rows.truncate(usize::try_from(limit).expect("a small number"));
    rows
}

#[async_trait]
impl RecordRepository for MemoryStore {
    async fn sessions(
        &self,
        owner: UserId,
        last: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, Unexpected> {
        let rows = self.rows();
        let own = rows.sessions.values().filter(|row| row.owner() == owner).map(|row| SessionRecord {
            id: row.session.id,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.absolute_end(),
            ended_at: row.ended.map(|(at, _)| at),
            end_reason: row.ended.map(|(_, reason)| reason.as_str().to_owned()),
            client: row.session.client.clone(),
        });
        Ok(after(own, |row| row.id, last.as_ref(), limit))
    }

    async fn api_keys(&self, owner: UserId, last: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyRecord>, Unexpected> {
        let rows = self.rows();
        let own = rows.keys.values().filter(|row| row.key.user_id == owner);
        let own = own.map(|row| KeyRecord { key: row.shown(), revoked_at: row.revoked_at });
        Ok(after(own, |row| row.key.id, last.as_ref(), limit))
    }

    async fn conversations(
        &self,
        owner: UserId,
        last: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<Conversation>, Unexpected> {
        let rows = self.rows();
        let own = rows.conversations.values().filter(|row| row.user_id == owner).cloned();
        Ok(after(own, |row| row.id, last.as_ref(), limit))
    }

    async fn turns(
        &self,
        owner: UserId,
        conversation: ConversationId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<Turn>, Unexpected> {
        let rows = self.rows();
        let is_own = |row: &&TurnRow| row.turn.user_id == owner && row.turn.conversation_id == conversation;
        let own = rows.turns.values().filter(is_own).map(TurnRow::read);
        Ok(after(own, |turn| turn.seq, Some(&after_seq), limit))
    }

    async fn count_turns(&self, owner: UserId) -> Result<u64, Unexpected> {
        let count = self.rows().turns.values().filter(|row| row.turn.user_id == owner).count();
        Ok(u64::try_from(count).expect("a small number"))
    }
}
