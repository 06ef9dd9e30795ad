use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, AcceptedTurn, ConversationChoice, NewTurn, PastTurn};
use domain::conversation::{ModelName, SystemPrompt, TimeToLive, Turn};
use domain::id::{ConversationId, SessionId, TurnId};

use super::claim;
use super::target::Target;
use crate::sql::rows::{PastTurnRow, TurnRow, time_to_live, turn_metadata};
use crate::sql::values::{Id, Time};
use crate::sqlite::statement::{Command, Statement, Value};

/// What came of a question; only the writer's thread ever sees a store that others do not change meanwhile.
pub(super) enum Verdict {
    Accepted(Box<AcceptedTurn>),
    Replayed(Box<TurnRow>),
    Refused(Refusal),
}

pub(super) enum Refusal {
    InProgress(Id),
    KeyReused,
    KeyGone,
    NotFound,
    Busy(Id),
}

impl Verdict {
    pub(super) fn into_result(self) -> Result<Acceptance, AcceptError> {
        match self {
            Self::Accepted(accepted) => Ok(Acceptance::Accepted(*accepted)),
            Self::Replayed(row) => Ok(Acceptance::Replayed(Box::new(Turn::try_from(*row).map_err(Unexpected::new)?))),
            Self::Refused(Refusal::InProgress(id)) => Err(AcceptError::InProgress { running: TurnId::from_uuid(id.0) }),
            Self::Refused(Refusal::KeyReused) => Err(AcceptError::KeyReused),
            Self::Refused(Refusal::KeyGone) => Err(AcceptError::KeyGone),
            Self::Refused(Refusal::NotFound) => Err(AcceptError::ConversationNotFound),
            Self::Refused(Refusal::Busy(id)) => Err(AcceptError::ConversationBusy { running: TurnId::from_uuid(id.0) }),
        }
    }
}

/// Accepts a question, inside the caller's transaction.
///
/// Nothing is stored of it before it is known to be new, and to have a free key and an idle conversation.
pub(super) fn accept(connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Verdict> {
    let target = Target::find(connection, turn)?;
    if target.as_ref().is_none_or(|target| target.knows_turn)
        && let Some(accepted) = accepted_before(connection, turn)?
    {
        return Ok(Verdict::Accepted(Box::new(accepted)));
    }
    if let Some(claim) = &turn.idempotency
        && let Some(verdict) = claim::settle(connection, turn, claim)?
    {
        return Ok(verdict);
    }
    let target = match (target, turn.conversation) {
        (Some(Target { running: Some(running), .. }), _) => return Ok(Verdict::Refused(Refusal::Busy(running))),
        (Some(target), _) => target,
        (None, ConversationChoice::Current { or_new }) => Target::create(connection, turn, or_new)?,
        (None, ConversationChoice::Existing(_)) => return Ok(Verdict::Refused(Refusal::NotFound)),
    };
    let accepted = store(connection, turn, target)?;
    Ok(Verdict::Accepted(Box::new(accepted)))
}

fn store(connection: &mut SqliteConnection, turn: &NewTurn, target: Target) -> QueryResult<AcceptedTurn> {
    const INSERT: &str = "INSERT INTO turns (id, conversation_id, user_id, session_id, seq, parent_turn_id, status, \
         request_question, model, metadata, question_tokens, owner, entry_time, expiry_timestamp) \
         VALUES (?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?)";
    const EXTEND: &str = "UPDATE conversations \
         SET leaf_turn_id = ?, last_seq = ?, updated_at = ?, expiry_timestamp = ? WHERE id = ?";
    const FOLLOW: &str = "UPDATE sessions SET conversation_id = ? WHERE id = ?";
    let id = Id(turn.id.as_uuid());
    let session = turn.session_id.map(SessionId::as_uuid).map(Id);
    let now = Time(turn.entry_time);
    let ttl = target.ttl_seconds.and_then(|seconds| time_to_live(seconds).ok()).unwrap_or(turn.default_ttl);
    let place = Place {
        conversation_id: target.id,
        seq: target.last_seq + 1,
        parent_turn_id: target.leaf_turn_id,
        expiry: Time(TimeToLive::after(ttl, turn.entry_time)),
        model: target.model,
        system: target.system,
    };
    let notes = turn_metadata(&turn.metadata);
    let insert = [
        id.into(),
        place.conversation_id.into(),
        Id(turn.user_id.as_uuid()).into(),
        session.into(),
        place.seq.into(),
        place.parent_turn_id.into(),
        turn.question.as_str().into(),
        turn.model.as_ref().map(ModelName::as_str).or(place.model.as_deref()).into(),
        Value::Json(notes.as_ref()),
        i64::from(turn.question.estimated_tokens()).into(),
        Id(turn.replica.as_uuid()).into(),
        now.into(),
        place.expiry.into(),
    ];
    Command::new(INSERT, insert).execute(connection)?;
    let extend = [id.into(), place.seq.into(), now.into(), place.expiry.into(), place.conversation_id.into()];
    Command::new(EXTEND, extend).execute(connection)?;
    if let Some(session) = session.filter(|_| target.moves_session) {
        Command::new(FOLLOW, [place.conversation_id.into(), session.into()]).execute(connection)?;
    }
    if let Some(claim) = &turn.idempotency {
        claim::store(connection, turn, claim)?;
    }
    place.into_accepted(connection, turn)
}

/// Where a turn has been stored.
#[derive(Queryable)]
struct Place {
    conversation_id: Id,
    seq: i64,
    parent_turn_id: Option<Id>,
    expiry: Time,
    model: Option<String>,
    system: Option<String>,
}

impl Place {
    fn into_accepted(self, connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<AcceptedTurn> {
        Ok(AcceptedTurn {
            id: turn.id,
            conversation_id: ConversationId::from_uuid(self.conversation_id.0),
            seq: self.seq,
            parent_turn_id: self.parent_turn_id.map(|id| TurnId::from_uuid(id.0)),
            expiry_timestamp: self.expiry.0,
            context: self.context(connection, turn)?,
            conversation_model: self.model.and_then(|name| ModelName::try_from(name).ok()),
            system: self.system.and_then(|prompt| SystemPrompt::try_from(prompt).ok()),
        })
    }

    /// Earlier turns with an answer, newest first. Only so many rows are looked at, however long the conversation, and
    /// the first that does not fit the budget is the last that is read.
    fn context(&self, connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Vec<PastTurn>> {
        let values = [
            self.conversation_id.into(),
            self.seq.into(),
            (self.seq - i64::from(turn.look_back())).into(),
            Time(turn.entry_time).into(),
            i64::from(turn.budget.max_turns).into(),
        ];
        let context = Statement::<(Text, Text, BigInt, BigInt), _>::new(include_str!("context.sql"), values);
        let mut tokens_left = turn.budget.max_tokens;
        let mut told = Vec::new();
        for row in context.load_iter::<PastTurnRow, DefaultLoadingMode>(connection)? {
            let past = PastTurn::from(row?);
            let Some(left) = tokens_left.checked_sub(past.tokens) else { break };
            tokens_left = left;
            told.push(past);
        }
        Ok(told)
    }
}

/// The turn of the same id, if this process runs it: the acknowledgement of its acceptance was lost.
fn accepted_before(connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Option<AcceptedTurn>> {
    type Columns = (Text, BigInt, Nullable<Text>, BigInt, Nullable<Text>, Nullable<Text>);
    const FIND: &str = "SELECT t.conversation_id, t.seq, t.parent_turn_id, t.expiry_timestamp, c.model, c.system \
         FROM turns t JOIN conversations c ON c.id = t.conversation_id \
         WHERE t.id = ? AND t.owner = ? AND t.status = 'running'";
    let values = [Id(turn.id.as_uuid()).into(), Id(turn.replica.as_uuid()).into()];
    let place = Statement::<Columns, _>::new(FIND, values).get_result::<Place>(connection).optional()?;
    place.map(|place| place.into_accepted(connection, turn)).transpose()
}
