use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::Unexpected;
use domain::conversation::{Turn, TurnRepository};
use domain::id::{ConversationId, TurnId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};

use super::connection::Readers;
use super::schema::{conversations, turns};
use crate::sql::rows::{TurnRow, turn_columns};
use crate::sql::values::{Id, Time};
use crate::sql::{SqlError, page};

/// Turns in SQLite, for reading.
pub(super) struct Turns(pub Readers);

#[async_trait]
impl TurnRepository for Turns {
    async fn find(&self, owner: UserId, id: TurnId, now: DateTime<Utc>) -> Result<Option<Turn>, Unexpected> {
        let find = move |connection: &mut SqliteConnection| {
            turns::table
                .filter(turns::id.eq(Id(id.as_uuid())))
                .filter(turns::user_id.eq(Id(owner.as_uuid())))
                .filter(turns::expiry_timestamp.gt(Time(now)))
                .select(turn_columns!(turns, RESPONSE_SO_FAR))
                .first::<TurnRow>(connection)
                .optional()
        };
        self.0.run(find).await?.map(Turn::try_from).transpose().map_err(Unexpected::new)
    }

    async fn list(
        &self,
        owner: UserId,
        conversation: ConversationId,
        request: PageRequest<TurnId>,
        now: DateTime<Utc>,
    ) -> Result<Page<Turn>, ListError> {
        let conversation = Id(conversation.as_uuid());
        let find = move |connection: &mut SqliteConnection| {
            let exists = diesel::select(diesel::dsl::exists(
                conversations::table
                    .find(conversation)
                    .filter(conversations::user_id.eq(Id(owner.as_uuid())))
                    .filter(conversations::expiry_timestamp.gt(Time(now))),
            ));
            if !exists.get_result::<bool>(connection)? {
                return Ok(Err(ListError::NotFound));
            }
            let mut query = turns::table
                .filter(turns::conversation_id.eq(conversation))
                .filter(turns::expiry_timestamp.gt(Time(now)))
                .select(turn_columns!(turns, RESPONSE_SO_FAR))
                .limit(i64::from(request.limit.get()) + 1)
                .into_boxed();
            if let Some(after) = request.after.map(|id| Id(id.as_uuid())) {
                let cursor =
                    turns::table.find(after).filter(turns::conversation_id.eq(conversation)).select(turns::seq);
                let Some(seq) = cursor.first::<i64>(connection).optional()? else {
                    return Ok(Err(ListError::UnknownCursor));
                };
                query = match request.order {
                    Order::Ascending => query.filter(turns::seq.gt(seq)),
                    Order::Descending => query.filter(turns::seq.lt(seq)),
                };
            }
            let query = match request.order {
                Order::Ascending => query.order(turns::seq.asc()),
                Order::Descending => query.order(turns::seq.desc()),
            };
            query.load::<TurnRow>(connection).map(Ok)
        };
        let rows = self.0.run(find).await.map_err(Unexpected::from)??;
        page(Ok::<_, SqlError>(Some(rows)), request.limit, Turn::try_from)
    }
}

/// The text of a running turn is that of its pieces, up to the first gap.
pub(super) const RESPONSE_SO_FAR: &str = "CASE WHEN turns.status <> 'running' THEN turns.response ELSE ( \
    SELECT group_concat(p.text, '' ORDER BY p.part_index, p.start_byte) FROM ( \
        SELECT part_index, text, start_byte, \
               sum(octet_length(text)) OVER (ORDER BY part_index, start_byte) - octet_length(text) AS expected \
        FROM turn_pieces WHERE turn_id = turns.id \
    ) p WHERE p.expected = p.start_byte) END";
