use diesel::prelude::*;
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, AcceptedTurn, ConversationChoice, IdempotencyClaim, NewTurn, PastTurn};
use domain::conversation::{ModelName, SystemPrompt, TimeToLive, Turn};
use domain::id::{ConversationId, TurnId};

use crate::sql::rows::{PastTurnRow, TurnRow, time_to_live, turn_columns};
use crate::sql::values::{Id, Json, Time};
use crate::sqlite::schema::{conversations, idempotency_keys, sessions, turns};
use crate::sqlite::turn::RESPONSE_SO_FAR;

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

/// What accepting a question needs of its conversation.
#[derive(Queryable, Selectable)]
#[diesel(table_name = conversations)]
struct Target {
    id: Id,
    model: Option<String>,
    system: Option<String>,
    ttl_seconds: Option<i32>,
    leaf_turn_id: Option<Id>,
    last_seq: i64,
}

/// Accepts a question, inside the caller's transaction.
pub(super) fn accept(connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Verdict> {
    if let Some(accepted) = accepted_before(connection, turn)? {
        return Ok(Verdict::Accepted(Box::new(accepted)));
    }
    if let Some(claim) = &turn.idempotency
        && let Some(verdict) = claimed_before(connection, turn, claim)?
    {
        return Ok(verdict);
    }
    let Some(target) = target(connection, turn)? else { return Ok(Verdict::Refused(Refusal::NotFound)) };
    let running = turns::table.filter(turns::conversation_id.eq(target.id)).filter(turns::status.eq("running"));
    if let Some(running) = running.select(turns::id).first::<Id>(connection).optional()? {
        return Ok(Verdict::Refused(Refusal::Busy(running)));
    }
    let accepted = store(connection, turn, target)?;
    Ok(Verdict::Accepted(Box::new(accepted)))
}

fn store(connection: &mut SqliteConnection, turn: &NewTurn, target: Target) -> QueryResult<AcceptedTurn> {
    let id = Id(turn.id.as_uuid());
    let seq = target.last_seq + 1;
    let ttl = target.ttl_seconds.and_then(|seconds| time_to_live(seconds).ok()).unwrap_or(turn.default_ttl);
    let expiry = Time(TimeToLive::after(ttl, turn.entry_time));
    let context = context(connection, turn, target.id, seq)?;
    diesel::insert_into(turns::table)
        .values((
            turns::id.eq(id),
            turns::conversation_id.eq(target.id),
            turns::user_id.eq(Id(turn.user_id.as_uuid())),
            turns::session_id.eq(turn.session_id.map(|id| Id(id.as_uuid()))),
            turns::seq.eq(seq),
            turns::parent_turn_id.eq(target.leaf_turn_id),
            turns::status.eq("running"),
            turns::request_question.eq(turn.question.as_str()),
            turns::model.eq(turn.model.as_ref().map(ModelName::as_str).or(target.model.as_deref())),
            turns::question_tokens.eq(i64::from(turn.question.estimated_tokens())),
            turns::owner.eq(Id(turn.replica.as_uuid())),
            turns::entry_time.eq(Time(turn.entry_time)),
            turns::expiry_timestamp.eq(expiry),
        ))
        .execute(connection)?;
    diesel::update(conversations::table.find(target.id))
        .set((
            conversations::leaf_turn_id.eq(id),
            conversations::last_seq.eq(seq),
            conversations::updated_at.eq(Time(turn.entry_time)),
            conversations::expiry_timestamp.eq(expiry),
        ))
        .execute(connection)?;
    if let Some(session) = turn.session_id {
        let session = sessions::table.find(Id(session.as_uuid()));
        let was_elsewhere = sessions::conversation_id.is_null().or(sessions::conversation_id.ne(target.id));
        diesel::update(session.filter(was_elsewhere.assume_not_null()))
            .set(sessions::conversation_id.eq(target.id))
            .execute(connection)?;
    }
    if let Some(claim) = &turn.idempotency {
        diesel::insert_into(idempotency_keys::table)
            .values((
                idempotency_keys::user_id.eq(Id(turn.user_id.as_uuid())),
                idempotency_keys::key.eq(claim.key.as_str()),
                idempotency_keys::fingerprint.eq(claim.fingerprint.0.as_slice()),
                idempotency_keys::turn_id.eq(id),
                idempotency_keys::created_at.eq(Time(turn.entry_time)),
            ))
            .execute(connection)?;
    }
    Ok(accepted(turn, target, seq, expiry, context))
}

fn accepted(turn: &NewTurn, target: Target, seq: i64, expiry: Time, context: Vec<PastTurn>) -> AcceptedTurn {
    AcceptedTurn {
        id: turn.id,
        conversation_id: ConversationId::from_uuid(target.id.0),
        seq,
        parent_turn_id: target.leaf_turn_id.map(|id| TurnId::from_uuid(id.0)),
        expiry_timestamp: expiry.0,
        conversation_model: target.model.and_then(|name| ModelName::try_from(name).ok()),
        system: target.system.and_then(|prompt| SystemPrompt::try_from(prompt).ok()),
        context,
    }
}

/// Earlier turns with an answer, newest first. Only so many rows are looked at, however long the conversation.
fn context(
    connection: &mut SqliteConnection,
    turn: &NewTurn,
    conversation: Id,
    seq: i64,
) -> QueryResult<Vec<PastTurn>> {
    let limit = i64::from(turn.context_turns);
    let rows: Vec<PastTurnRow> = turns::table
        .filter(turns::conversation_id.eq(conversation))
        .filter(turns::seq.lt(seq))
        .filter(turns::seq.ge(seq - 4 * limit))
        .filter(turns::status.eq_any(["completed", "incomplete", "cancelled"]))
        .filter(turns::response.ne(""))
        .filter(turns::expiry_timestamp.gt(Time(turn.entry_time)))
        .order(turns::seq.desc())
        .limit(limit)
        .select((
            turns::request_question,
            turns::response.assume_not_null(),
            turns::question_tokens + diesel::dsl::sql::<diesel::sql_types::BigInt>("COALESCE(output_tokens, 0)"),
            turns::expiry_timestamp,
        ))
        .load(connection)?;
    Ok(rows.into_iter().map(PastTurn::from).collect())
}

/// The turn of the same id, if this process runs it: the acknowledgement of its acceptance was lost.
fn accepted_before(connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Option<AcceptedTurn>> {
    let found = turns::table
        .inner_join(conversations::table)
        .filter(turns::id.eq(Id(turn.id.as_uuid())))
        .filter(turns::owner.eq(Id(turn.replica.as_uuid())))
        .filter(turns::status.eq("running"))
        .select((Target::as_select(), turns::seq, turns::parent_turn_id, turns::expiry_timestamp))
        .first::<(Target, i64, Option<Id>, Time)>(connection)
        .optional()?;
    let Some((mut target, seq, parent, expiry)) = found else { return Ok(None) };
    let context = context(connection, turn, target.id, seq)?;
    target.leaf_turn_id = parent;
    Ok(Some(accepted(turn, target, seq, expiry, context)))
}

/// What the question's key says. A claim whose 24 hours are over is released.
fn claimed_before(
    connection: &mut SqliteConnection,
    turn: &NewTurn,
    claim: &IdempotencyClaim,
) -> QueryResult<Option<Verdict>> {
    let row = idempotency_keys::table.find((Id(turn.user_id.as_uuid()), claim.key.as_str()));
    let found = row.select((idempotency_keys::fingerprint, idempotency_keys::turn_id, idempotency_keys::created_at));
    let Some((fingerprint, turn_id, created)) = found.first::<(Vec<u8>, Option<Id>, Time)>(connection).optional()?
    else {
        return Ok(None);
    };
    if created.0 <= IdempotencyClaim::cutoff(turn.entry_time) {
        diesel::delete(row).execute(connection)?;
        return Ok(None);
    }
    if fingerprint != claim.fingerprint.0 {
        return Ok(Some(Verdict::Refused(Refusal::KeyReused)));
    }
    let Some(turn_id) = turn_id else { return Ok(Some(Verdict::Refused(Refusal::KeyGone))) };
    let status: String = turns::table.find(turn_id).select(turns::status).first(connection)?;
    if status == "running" || status == "queued" {
        return Ok(Some(Verdict::Refused(Refusal::InProgress(turn_id))));
    }
    let row = turns::table.find(turn_id).select(turn_columns!(turns, RESPONSE_SO_FAR)).first::<TurnRow>(connection)?;
    Ok(Some(Verdict::Replayed(Box::new(row))))
}

/// Where the question is said; see [`ConversationChoice`].
fn target(connection: &mut SqliteConnection, turn: &NewTurn) -> QueryResult<Option<Target>> {
    let live = conversations::table
        .filter(conversations::user_id.eq(Id(turn.user_id.as_uuid())))
        .filter(conversations::expiry_timestamp.gt(Time(turn.entry_time)));
    let or_new = match turn.conversation {
        ConversationChoice::Existing(id) => {
            let named = live.filter(conversations::id.eq(Id(id.as_uuid())));
            return named.select(Target::as_select()).first(connection).optional();
        }
        ConversationChoice::Current { or_new } => or_new,
    };
    let current = live.filter(conversations::archived.eq(false));
    if let Some(session) = turn.session_id {
        let last = sessions::table.find(Id(session.as_uuid())).select(sessions::conversation_id);
        if let Some(last) = last.first::<Option<Id>>(connection).optional()?.flatten() {
            let last = current.filter(conversations::id.eq(last)).select(Target::as_select());
            if let Some(target) = last.first(connection).optional()? {
                return Ok(Some(target));
            }
        }
    }
    let latest = current.order((conversations::updated_at.desc(), conversations::id.desc()));
    match latest.select(Target::as_select()).first(connection).optional()? {
        Some(target) => Ok(Some(target)),
        None => create(connection, turn, or_new).map(Some),
    }
}

fn create(connection: &mut SqliteConnection, turn: &NewTurn, id: ConversationId) -> QueryResult<Target> {
    let id = Id(id.as_uuid());
    diesel::insert_into(conversations::table)
        .values((
            conversations::id.eq(id),
            conversations::user_id.eq(Id(turn.user_id.as_uuid())),
            conversations::metadata.eq(Json(serde_json::json!({}))),
            conversations::created_at.eq(Time(turn.entry_time)),
            conversations::updated_at.eq(Time(turn.entry_time)),
            conversations::expiry_timestamp.eq(Time(turn.default_ttl.after(turn.entry_time))),
        ))
        .execute(connection)?;
    Ok(Target { id, model: None, system: None, ttl_seconds: None, leaf_turn_id: None, last_seq: 0 })
}
