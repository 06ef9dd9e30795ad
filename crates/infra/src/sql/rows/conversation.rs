use std::collections::BTreeMap;

use diesel::Queryable;
use domain::Unexpected;
use domain::conversation::{
    Conversation, InvalidTimeToLive, Metadata, ModelName, NewConversation, SystemPrompt, TimeToLive, Title,
};
use domain::id::{ConversationId, TurnId, UserId};

use crate::sql::values::{Id, Json, Time};
use crate::sql::{InconsistentRow, Parse};

/// A row of `conversations`, all columns.
#[derive(Queryable)]
pub(crate) struct ConversationRow {
    id: Id,
    user_id: Id,
    title: Option<String>,
    model: Option<String>,
    system: Option<String>,
    metadata: Json,
    ttl_seconds: Option<i32>,
    archived: bool,
    pinned: bool,
    leaf_turn_id: Option<Id>,
    _last_seq: i64,
    created_at: Time,
    updated_at: Time,
    expiry_timestamp: Time,
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = InconsistentRow;

    fn try_from(row: ConversationRow) -> Result<Self, InconsistentRow> {
        const TABLE: &str = "conversations";
        let id = row.id.0;
        let metadata: BTreeMap<String, String> =
            serde_json::from_value(row.metadata.0).in_row(TABLE, "metadata", id)?;
        Ok(Self {
            id: ConversationId::from_uuid(id),
            user_id: UserId::from_uuid(row.user_id.0),
            title: row.title.map(Title::try_from).transpose().in_row(TABLE, "title", id)?,
            model: row.model.map(ModelName::try_from).transpose().in_row(TABLE, "model", id)?,
            system: row.system.map(SystemPrompt::try_from).transpose().in_row(TABLE, "system", id)?,
            metadata: Metadata::try_from(metadata).in_row(TABLE, "metadata", id)?,
            ttl: row.ttl_seconds.map(time_to_live).transpose().in_row(TABLE, "ttl_seconds", id)?,
            archived: row.archived,
            pinned: row.pinned,
            leaf_turn_id: row.leaf_turn_id.map(|id| TurnId::from_uuid(id.0)),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            expiry_timestamp: row.expiry_timestamp.0,
        })
    }
}

/// A stored number of seconds.
pub(crate) fn time_to_live(seconds: i32) -> Result<TimeToLive, InvalidTimeToLive> {
    TimeToLive::try_from(u64::try_from(seconds).unwrap_or_default())
}

/// What is stored of a new conversation.
#[derive(Clone)]
pub(crate) struct NewConversationRow {
    pub id: Id,
    pub user_id: Id,
    pub title: Option<String>,
    pub model: Option<String>,
    pub system: Option<String>,
    pub metadata: Json,
    pub ttl_seconds: Option<i32>,
    pub created_at: Time,
    pub expiry_timestamp: Time,
}

impl TryFrom<NewConversation> for NewConversationRow {
    type Error = Unexpected;

    fn try_from(new: NewConversation) -> Result<Self, Unexpected> {
        Ok(Self {
            id: Id(new.id.as_uuid()),
            user_id: Id(new.user_id.as_uuid()),
            title: new.title.map(Title::into_string),
            model: new.model.map(ModelName::into_string),
            system: new.system.map(SystemPrompt::into_string),
            metadata: Json(serde_json::to_value(new.metadata.pairs()).map_err(Unexpected::new)?),
            ttl_seconds: new.ttl.map(|ttl| ttl.seconds().try_into()).transpose().map_err(Unexpected::new)?,
            created_at: Time(new.created_at),
            expiry_timestamp: Time(new.expiry_timestamp),
        })
    }
}
