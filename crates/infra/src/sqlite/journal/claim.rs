use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use domain::chat::{IdempotencyClaim, NewTurn};

use super::accept::{Refusal, Verdict};
use crate::sql::rows::{TurnRow, turn_columns};
use crate::sql::values::{Id, Time};
use crate::sqlite::schema::turns;
use crate::sqlite::statement::{Command, Statement, Value};
use crate::sqlite::turn::RESPONSE_SO_FAR;

/// What a key says, and how its turn is.
#[derive(Queryable)]
struct Claimed {
    fingerprint: Vec<u8>,
    turn_id: Option<Id>,
    created_at: Time,
    status: Option<String>,
}

type Columns = (Binary, Nullable<Text>, BigInt, Nullable<Text>);

/// What the question's key says; `None` if it is free. One whose 24 hours are over or whose turn failed is
/// released.
pub(super) fn settle(
    connection: &mut SqliteConnection,
    turn: &NewTurn,
    claim: &IdempotencyClaim,
) -> QueryResult<Option<Verdict>> {
    const FIND: &str = "SELECT k.fingerprint, k.turn_id, k.created_at, t.status \
         FROM idempotency_keys k LEFT JOIN turns t ON t.id = k.turn_id WHERE k.user_id = ? AND k.key = ?";
    const RELEASE: &str = "DELETE FROM idempotency_keys WHERE user_id = ? AND key = ?";
    let key = || [Id(turn.user_id.as_uuid()).into(), claim.key.as_str().into()];
    let found = Statement::<Columns, _>::new(FIND, key()).get_result::<Claimed>(connection).optional()?;
    let Some(claimed) = found else { return Ok(None) };
    let status = claimed.status.as_deref();
    if claimed.created_at.0 <= IdempotencyClaim::cutoff(turn.entry_time) || status == Some("failed") {
        Command::new(RELEASE, key()).execute(connection)?;
        return Ok(None);
    }
    if claimed.fingerprint != claim.fingerprint.0 {
        return Ok(Some(Verdict::Refused(Refusal::KeyReused)));
    }
    let Some(id) = claimed.turn_id else { return Ok(Some(Verdict::Refused(Refusal::KeyGone))) };
    if matches!(status, Some("running" | "queued")) {
        return Ok(Some(Verdict::Refused(Refusal::InProgress(id))));
    }
    let kept = turns::table.find(id).filter(turns::expiry_timestamp.gt(Time(turn.entry_time)));
    let row = kept.select(turn_columns!(turns, RESPONSE_SO_FAR)).first::<TurnRow>(connection).optional()?;
    Ok(Some(row.map_or(Verdict::Refused(Refusal::KeyGone), |row| Verdict::Replayed(Box::new(row)))))
}

/// Claims the key for the turn.
pub(super) fn store(connection: &mut SqliteConnection, turn: &NewTurn, claim: &IdempotencyClaim) -> QueryResult<()> {
    const CLAIM: &str =
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, turn_id, created_at) VALUES (?, ?, ?, ?, ?)";
    let values = [
        Id(turn.user_id.as_uuid()).into(),
        claim.key.as_str().into(),
        Value::Bytes(&claim.fingerprint.0),
        Id(turn.id.as_uuid()).into(),
        Time(turn.entry_time).into(),
    ];
    Command::new(CLAIM, values).execute(connection).map(drop)
}
