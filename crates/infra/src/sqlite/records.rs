use async_trait::async_trait;
use diesel::prelude::*;
use domain::Unexpected;
use domain::conversation::{Conversation, Turn};
use domain::export::{KeyRecord, RecordRepository, SessionRecord};
use domain::id::{ApiKeyId, ConversationId, SessionId, UserId};

use super::connection::Readers;
use super::schema::{api_keys, conversations, sessions, turns};
use super::turn::RESPONSE_SO_FAR;
use crate::sql::parsed;
use crate::sql::rows::{ConversationRow, KeyRecordRow, SessionRecordRow, TurnRow, turn_columns};
use crate::sql::values::Id;

/// Everything that is stored about somebody, in SQLite.
pub(super) struct Records(pub Readers);

#[async_trait]
impl RecordRepository for Records {
    async fn sessions(
        &self,
        owner: UserId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, Unexpected> {
        let (owner, after) = (Id(owner.as_uuid()), Id(after.map(SessionId::as_uuid).unwrap_or_default()));
        let find = move |connection: &mut SqliteConnection| {
            sessions::table
                .filter(sessions::user_id.eq(owner))
                .filter(sessions::id.gt(after))
                .order(sessions::id)
                .limit(i64::from(limit))
                .select((
                    sessions::id,
                    sessions::created_at,
                    sessions::last_seen_at,
                    sessions::expires_at,
                    sessions::ended_at,
                    sessions::end_reason,
                    sessions::ip,
                    sessions::user_agent,
                ))
                .load::<SessionRecordRow>(connection)
        };
        parsed(self.0.run(find).await)
    }

    async fn api_keys(&self, owner: UserId, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyRecord>, Unexpected> {
        let (owner, after) = (Id(owner.as_uuid()), Id(after.map(ApiKeyId::as_uuid).unwrap_or_default()));
        let find = move |connection: &mut SqliteConnection| {
            let key = (
                api_keys::id,
                api_keys::name,
                api_keys::scopes,
                api_keys::created_at,
                api_keys::expires_at,
                api_keys::last_used_at,
            );
            api_keys::table
                .filter(api_keys::user_id.eq(owner))
                .filter(api_keys::id.gt(after))
                .order(api_keys::id)
                .limit(i64::from(limit))
                .select((key, api_keys::revoked_at))
                .load::<KeyRecordRow>(connection)
        };
        parsed(self.0.run(find).await)
    }

    async fn conversations(
        &self,
        owner: UserId,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<Conversation>, Unexpected> {
        let (owner, after) = (Id(owner.as_uuid()), Id(after.map(ConversationId::as_uuid).unwrap_or_default()));
        let find = move |connection: &mut SqliteConnection| {
            conversations::table
                .filter(conversations::user_id.eq(owner))
                .filter(conversations::id.gt(after))
                .order(conversations::id)
                .limit(i64::from(limit))
                .load::<ConversationRow>(connection)
        };
        parsed(self.0.run(find).await)
    }

    async fn turns(
        &self,
        owner: UserId,
        conversation: ConversationId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<Turn>, Unexpected> {
        let (owner, conversation) = (Id(owner.as_uuid()), Id(conversation.as_uuid()));
        let find = move |connection: &mut SqliteConnection| {
            turns::table
                .filter(turns::conversation_id.eq(conversation))
                .filter(turns::user_id.eq(owner))
                .filter(turns::seq.gt(after_seq))
                .order(turns::seq)
                .limit(i64::from(limit))
                .select(turn_columns!(turns, RESPONSE_SO_FAR))
                .load::<TurnRow>(connection)
        };
        parsed(self.0.run(find).await)
    }

    /// What conversations count themselves: nobody has to look at their turns.
    async fn count_turns(&self, owner: UserId) -> Result<u64, Unexpected> {
        let count = move |connection: &mut SqliteConnection| {
            let own = conversations::table.filter(conversations::user_id.eq(Id(owner.as_uuid())));
            own.select(conversations::last_seq).load::<i64>(connection)
        };
        let seqs = self.0.run(count).await?;
        Ok(seqs.into_iter().filter_map(|seq| u64::try_from(seq).ok()).sum())
    }
}
