use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::Unexpected;
use domain::conversation::{Conversation, ConversationRepository, NewConversation};
use domain::id::{ConversationId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};

use super::connection::Readers;
use super::schema::conversations;
use super::writer::Writer;
use crate::sql::page;
use crate::sql::rows::{ConversationRow, NewConversationRow};
use crate::sql::values::{Id, Time};

/// Conversations in SQLite.
pub(super) struct Conversations {
    pub readers: Readers,
    pub writer: Writer,
}

#[async_trait]
impl ConversationRepository for Conversations {
    async fn create(&self, conversation: NewConversation) -> Result<(), Unexpected> {
        let row = NewConversationRow::try_from(conversation)?;
        let insert = move |connection: &mut SqliteConnection| {
            diesel::insert_into(conversations::table)
                .values((
                    conversations::id.eq(row.id),
                    conversations::user_id.eq(row.user_id),
                    conversations::title.eq(&row.title),
                    conversations::model.eq(&row.model),
                    conversations::system.eq(&row.system),
                    conversations::metadata.eq(&row.metadata),
                    conversations::ttl_seconds.eq(row.ttl_seconds),
                    conversations::created_at.eq(row.created_at),
                    conversations::updated_at.eq(row.created_at),
                    conversations::expiry_timestamp.eq(row.expiry_timestamp),
                ))
                .execute(connection)
        };
        self.writer.write(insert).await?;
        Ok(())
    }

    async fn find(
        &self,
        owner: UserId,
        id: ConversationId,
        now: DateTime<Utc>,
    ) -> Result<Option<Conversation>, Unexpected> {
        let find = move |connection: &mut SqliteConnection| {
            conversations::table
                .filter(conversations::id.eq(Id(id.as_uuid())))
                .filter(conversations::user_id.eq(Id(owner.as_uuid())))
                .filter(conversations::expiry_timestamp.gt(Time(now)))
                .first::<ConversationRow>(connection)
                .optional()
        };
        self.readers.run(find).await?.map(Conversation::try_from).transpose().map_err(Unexpected::new)
    }

    async fn list(
        &self,
        owner: UserId,
        request: PageRequest<ConversationId>,
        now: DateTime<Utc>,
    ) -> Result<Page<Conversation>, ListError> {
        let find = move |connection: &mut SqliteConnection| {
            let is_own = conversations::user_id.eq(Id(owner.as_uuid()));
            let mut query = conversations::table
                .filter(is_own)
                .filter(conversations::expiry_timestamp.gt(Time(now)))
                .filter(conversations::archived.eq(false))
                .limit(i64::from(request.limit.get()) + 1)
                .into_boxed();
            if let Some(after) = request.after.map(|id| Id(id.as_uuid())) {
                let cursor = conversations::table.find(after).filter(is_own).select(conversations::updated_at);
                let Some(updated) = cursor.first::<Time>(connection).optional()? else { return Ok(None) };
                let same = conversations::updated_at.eq(updated);
                query =
                    match request.order {
                        Order::Ascending => query
                            .filter(conversations::updated_at.gt(updated).or(same.and(conversations::id.gt(after)))),
                        Order::Descending => query
                            .filter(conversations::updated_at.lt(updated).or(same.and(conversations::id.lt(after)))),
                    };
            }
            let query = match request.order {
                Order::Ascending => query.order((conversations::updated_at.asc(), conversations::id.asc())),
                Order::Descending => query.order((conversations::updated_at.desc(), conversations::id.desc())),
            };
            query.load::<ConversationRow>(connection).map(Some)
        };
        page(self.readers.run(find).await, request.limit, Conversation::try_from)
    }
}
