//! Why a question was refused: looked up one by one, after the batch.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use domain::Unexpected;
use domain::chat::{AcceptError, Acceptance, AcceptedTurn, ConversationChoice, IdempotencyClaim, NewTurn, PastTurn};
use domain::conversation::{ModelName, SystemPrompt, Turn};
use domain::id::{ConversationId, TurnId};
use uuid::Uuid;

use crate::postgres::connection::PgPool;
use crate::postgres::schema::{conversations, idempotency_keys, sessions, turns, users};
use crate::postgres::turn::RESPONSE_SO_FAR;
use crate::sql::rows::{PastTurnRow, TurnRow, turn_columns};
use crate::sql::values::{Id, Time};

/// What was found.
enum Finding {
    /// The cause is gone, or has been put right: the question may be accepted now.
    TryAgain,
    /// The same, in the conversation that goes on although it is not the session's own.
    TryIn(Id),
    /// The question had been accepted, and only the acknowledgement was lost.
    Accepted(Box<AcceptedTurn>),
    Replayed(Box<TurnRow>),
    InProgress(Uuid),
    KeyReused,
    KeyGone,
    NotFound,
    Busy(Uuid),
}

/// What is to be done about a question that was refused.
pub(super) enum Settled {
    /// Nothing: this came of it.
    As(Acceptance),
    /// It may be tried again, there.
    TryAgain(ConversationChoice),
}

/// Settles a question that was refused.
pub(super) async fn settle(pool: &PgPool, turn: &NewTurn) -> Result<Settled, AcceptError> {
    let choice = turn.conversation;
    let turn = turn.clone();
    let finding = pool.run(move |connection| find(connection, &turn)).await;
    // It may have been accepted, and only the acknowledgement lost: without a look nobody knows.
    let finding = finding.map_err(|error| AcceptError::Undecided(error.into()))?;
    match finding {
        Finding::TryAgain => Ok(Settled::TryAgain(choice)),
        Finding::TryIn(id) => Ok(Settled::TryAgain(ConversationChoice::Existing(ConversationId::from_uuid(id.0)))),
        Finding::Accepted(accepted) => Ok(Settled::As(Acceptance::Accepted(*accepted))),
        Finding::Replayed(row) => {
            let turn = Turn::try_from(*row).map_err(Unexpected::new)?;
            Ok(Settled::As(Acceptance::Replayed(Box::new(turn))))
        }
        Finding::InProgress(running) => Err(AcceptError::InProgress { running: TurnId::from_uuid(running) }),
        Finding::KeyReused => Err(AcceptError::KeyReused),
        Finding::KeyGone => Err(AcceptError::KeyGone),
        Finding::NotFound => Err(AcceptError::ConversationNotFound),
        Finding::Busy(running) => Err(AcceptError::ConversationBusy { running: TurnId::from_uuid(running) }),
    }
}

fn find(connection: &mut PgConnection, turn: &NewTurn) -> QueryResult<Finding> {
    if let Some(accepted) = accepted_before(connection, turn)? {
        return Ok(Finding::Accepted(Box::new(accepted)));
    }
    if let Some(claim) = &turn.idempotency
        && let Some(finding) = claimed_before(connection, turn, claim)?
    {
        return Ok(finding);
    }
    let conversation = match turn.conversation {
        ConversationChoice::Existing(id) => Id(id.as_uuid()),
        ConversationChoice::Current { or_new } => {
            let Some(id) = current(connection, turn)? else {
                return create(connection, turn, or_new).map(Finding::TryIn);
            };
            id
        }
    };
    let exists = diesel::select(diesel::dsl::exists(
        conversations::table
            .find(conversation)
            .filter(conversations::user_id.eq(Id(turn.user_id.as_uuid())))
            .filter(conversations::expiry_timestamp.gt(Time(turn.entry_time))),
    ));
    if !exists.get_result::<bool>(connection)? {
        return Ok(Finding::NotFound);
    }
    let running = turns::table
        .filter(turns::conversation_id.eq(conversation))
        .filter(turns::status.eq("running"))
        .select(turns::id);
    let Some(running) = running.first::<Id>(connection).optional()? else { return Ok(Finding::TryIn(conversation)) };
    // The running turn may be this very request, accepted since its key was looked up above.
    let claimed = turn.idempotency.as_ref().map(|claim| claimed_before(connection, turn, claim)).transpose()?;
    Ok(claimed.flatten().unwrap_or(Finding::Busy(running.0)))
}

/// The turn of the same id, if this process runs it: the acknowledgement of its acceptance was lost.
fn accepted_before(connection: &mut PgConnection, turn: &NewTurn) -> QueryResult<Option<AcceptedTurn>> {
    type Row = (Id, i64, Option<Id>, Time, Option<String>, Option<String>);
    let found = turns::table
        .inner_join(conversations::table)
        .filter(turns::id.eq(Id(turn.id.as_uuid())))
        .filter(turns::owner.eq(Id(turn.replica.as_uuid())))
        .filter(turns::status.eq("running"))
        .select((
            turns::conversation_id,
            turns::seq,
            turns::parent_turn_id,
            turns::expiry_timestamp,
            conversations::model,
            conversations::system,
        ))
        .first::<Row>(connection)
        .optional()?;
    let Some((conversation_id, seq, parent, expiry, model, system)) = found else { return Ok(None) };
    let past: Vec<PastTurnRow> = turns::table
        .filter(turns::conversation_id.eq(conversation_id))
        .filter(turns::seq.lt(seq))
        .filter(turns::seq.ge(seq - i64::from(turn.look_back())))
        .filter(turns::status.eq_any(["completed", "incomplete", "cancelled"]))
        .filter(turns::response.ne(""))
        .filter(turns::expiry_timestamp.gt(Time(turn.entry_time)))
        .order(turns::seq.desc())
        .limit(turn.budget.max_turns.into())
        .select((
            turns::request_question,
            turns::response.assume_not_null(),
            turns::question_tokens + diesel::dsl::sql::<diesel::sql_types::BigInt>("COALESCE(output_tokens, 0)"),
            turns::expiry_timestamp,
        ))
        .load(connection)?;
    Ok(Some(AcceptedTurn {
        id: turn.id,
        conversation_id: ConversationId::from_uuid(conversation_id.0),
        seq,
        parent_turn_id: parent.map(|id| TurnId::from_uuid(id.0)),
        expiry_timestamp: expiry.0,
        conversation_model: model.and_then(|name| ModelName::try_from(name).ok()),
        system: system.and_then(|prompt| SystemPrompt::try_from(prompt).ok()),
        context: past.into_iter().map(PastTurn::from).collect(),
    }))
}

/// What the question's key says. A claim whose 24 hours are over is released.
fn claimed_before(
    connection: &mut PgConnection,
    turn: &NewTurn,
    claim: &IdempotencyClaim,
) -> QueryResult<Option<Finding>> {
    type Row = (Vec<u8>, Time, Option<(Id, String)>);
    let row = idempotency_keys::table.find((Id(turn.user_id.as_uuid()), claim.key.as_str()));
    let found = row.left_join(turns::table.on(idempotency_keys::turn_id.eq(turns::id.nullable()))).select((
        idempotency_keys::fingerprint,
        idempotency_keys::created_at,
        (turns::id, turns::status).nullable(),
    ));
    let Some((fingerprint, created, claimed_by)) = found.first::<Row>(connection).optional()? else {
        return Ok(None);
    };
    let cutoff = IdempotencyClaim::cutoff(turn.entry_time);
    if created.0 <= cutoff {
        diesel::delete(row.filter(idempotency_keys::created_at.le(Time(cutoff)))).execute(connection)?;
        return Ok(Some(Finding::TryAgain));
    }
    if fingerprint != claim.fingerprint.0 {
        return Ok(Some(Finding::KeyReused));
    }
    let Some((turn_id, status)) = claimed_by else { return Ok(Some(Finding::KeyGone)) };
    match status.as_str() {
        "running" | "queued" => return Ok(Some(Finding::InProgress(turn_id.0))),
        "failed" => {
            diesel::delete(row.filter(idempotency_keys::turn_id.eq(turn_id))).execute(connection)?;
            return Ok(Some(Finding::TryAgain));
        }
        _ => {}
    }
    let kept = turns::table.find(turn_id).filter(turns::expiry_timestamp.gt(Time(turn.entry_time)));
    let found = kept.select(turn_columns!(turns, RESPONSE_SO_FAR)).first::<TurnRow>(connection).optional()?;
    Ok(Some(found.map_or(Finding::KeyGone, |turn| Finding::Replayed(Box::new(turn)))))
}

/// The conversation that goes on when none is named: see [`ConversationChoice::Current`].
fn current(connection: &mut PgConnection, turn: &NewTurn) -> QueryResult<Option<Id>> {
    let live = conversations::table
        .filter(conversations::user_id.eq(Id(turn.user_id.as_uuid())))
        .filter(conversations::archived.eq(false))
        .filter(conversations::expiry_timestamp.gt(Time(turn.entry_time)))
        .select(conversations::id);
    if let Some(session) = turn.session_id {
        let last = sessions::table.find(Id(session.as_uuid())).select(sessions::conversation_id);
        if let Some(last) = last.first::<Option<Id>>(connection).optional()?.flatten()
            && let Some(id) = live.filter(conversations::id.eq(last)).first(connection).optional()?
        {
            return Ok(Some(id));
        }
    }
    live.order((conversations::updated_at.desc(), conversations::id.desc())).first(connection).optional()
}

/// Makes the user's first conversation. The user's row is locked, so that of two first questions at once the
/// second finds the conversation of the first.
fn create(connection: &mut PgConnection, turn: &NewTurn, id: ConversationId) -> QueryResult<Id> {
    connection.transaction(|connection| {
        let user = users::table.find(Id(turn.user_id.as_uuid())).select(users::id);
        user.for_no_key_update().first::<Id>(connection)?;
        if let Some(made_meanwhile) = current(connection, turn)? {
            return Ok::<Id, DieselError>(made_meanwhile);
        }
        diesel::insert_into(conversations::table)
            .values((
                conversations::id.eq(Id(id.as_uuid())),
                conversations::user_id.eq(Id(turn.user_id.as_uuid())),
                conversations::metadata.eq(crate::sql::values::Json(serde_json::json!({}))),
                conversations::created_at.eq(Time(turn.entry_time)),
                conversations::updated_at.eq(Time(turn.entry_time)),
                conversations::expiry_timestamp.eq(Time(turn.default_ttl.after(turn.entry_time))),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?;
        Ok(Id(id.as_uuid()))
    })
}
