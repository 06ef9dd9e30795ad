use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use domain::chat::{ConversationChoice, NewTurn};
use domain::id::{ConversationId, SessionId};

use crate::sql::values::{Id, Time};
use crate::sqlite::statement::{Command, Statement};

/// The conversation in which a question is said, and all that accepting it takes to know of the place.
#[derive(Queryable)]
pub(super) struct Target {
    pub id: Id,
    pub model: Option<String>,
    pub system: Option<String>,
    pub ttl_seconds: Option<i32>,
    pub leaf_turn_id: Option<Id>,
    pub last_seq: i64,
    /// The turn that runs there.
    pub running: Option<Id>,
    /// Whether the session was elsewhere before.
    pub moves_session: bool,
    /// Whether there is a turn of the new one's id, wherever it is.
    pub knows_turn: bool,
}

type Columns =
    (Text, Nullable<Text>, Nullable<Text>, Nullable<Integer>, Nullable<Text>, BigInt, Nullable<Text>, Bool, Bool);

impl Target {
    /// Where the question is said; see [`ConversationChoice`]. `None` if there is no such conversation yet.
    pub(super) fn find(connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Option<Self>> {
        let user = Id(turn.user_id.as_uuid());
        let session = turn.session_id.map(SessionId::as_uuid).map(Id);
        let now = Time(turn.entry_time);
        let named = match turn.conversation {
            ConversationChoice::Existing(id) => Some(Id(id.as_uuid())),
            ConversationChoice::Current { .. } => None,
        };
        let find = Statement::<Columns, _>::new(
            include_str!("target.sql"),
            [
                session.into(),
                Id(turn.id.as_uuid()).into(),
                named.into(),
                session.into(),
                user.into(),
                now.into(),
                user.into(),
                now.into(),
                user.into(),
                now.into(),
            ],
        );
        find.get_result(connection).optional()
    }

    /// A new conversation for the question.
    pub(super) fn create(connection: &mut SqliteConnection, turn: &NewTurn, id: ConversationId) -> QueryResult<Self> {
        const CREATE: &str = "INSERT INTO conversations (id, user_id, metadata, created_at, updated_at, expiry_timestamp) \
             VALUES (?, ?, '{}', ?, ?, ?)";
        let id = Id(id.as_uuid());
        let now = Time(turn.entry_time);
        let expiry = Time(turn.default_ttl.after(turn.entry_time));
        let user = Id(turn.user_id.as_uuid());
        Command::new(CREATE, [id.into(), user.into(), now.into(), now.into(), expiry.into()]).execute(connection)?;
        Ok(Self {
            id,
            model: None,
            system: None,
            ttl_seconds: None,
            leaf_turn_id: None,
            last_seq: 0,
            running: None,
            moves_session: true,
            knows_turn: false,
        })
    }
}
