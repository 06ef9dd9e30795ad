use diesel::dsl::{now, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Timestamptz};
use domain::Unexpected;
use domain::id::SessionId;
use domain::session::{EndReason, Exchange, Rotation, Session};

use super::{end, look_up};
use crate::postgres::audit;
use crate::postgres::schema::{refresh_tokens, sessions};
use crate::sql::rows::{NewAuditRow, SessionRow};
use crate::sql::values::Id;

/// A refresh token that is to be exchanged, as it is stored.
pub(super) struct ExchangeRow {
    presented: Vec<u8>,
    successor: Vec<u8>,
    grace_seconds: i64,
    reuse: NewAuditRow,
}

/// What came of it.
pub(super) enum RotationRow {
    Rotated(SessionRow),
    Reused(Id),
    Refused,
}

impl From<Exchange> for ExchangeRow {
    fn from(exchange: Exchange) -> Self {
        Self {
            presented: exchange.presented.0.to_vec(),
            successor: exchange.successor.0.to_vec(),
            grace_seconds: i64::try_from(exchange.grace.as_secs()).unwrap_or(i64::MAX),
            reuse: exchange.reuse.into(),
        }
    }
}

pub(super) fn rotation(row: RotationRow) -> Result<Rotation, Unexpected> {
    Ok(match row {
        RotationRow::Rotated(session) => Rotation::Rotated(Session::try_from(session).map_err(Unexpected::new)?),
        RotationRow::Reused(id) => Rotation::Reused(SessionId::from_uuid(id.0)),
        RotationRow::Refused => Rotation::Refused,
    })
}

/// Exchanges the token, inside the caller's transaction. The session's row is held meanwhile, so that its tokens are
/// exchanged one after the other.
pub(super) fn rotate(connection: &mut PgConnection, exchange: &ExchangeRow) -> QueryResult<RotationRow> {
    let token = refresh_tokens::table.find(&exchange.presented);
    let Some(id) = token.select(refresh_tokens::session_id).first::<Id>(connection).optional()? else {
        return Ok(RotationRow::Refused);
    };
    sessions::table.find(id).select(sessions::id).for_update().first::<Id>(connection).optional()?;
    let Some(session) = usable(connection, id)? else { return Ok(RotationRow::Refused) };

    let is_in_grace = sql::<Bool>("coalesce(used_at > now() - ")
        .bind::<BigInt, _>(exchange.grace_seconds)
        .sql(" * interval '1 second', false)");
    let columns = (refresh_tokens::used_at.is_null(), is_in_grace, refresh_tokens::successor);
    let (is_current, is_in_grace, successor): (bool, bool, Option<Vec<u8>>) =
        token.select(columns).first(connection)?;
    if is_current {
        exchange_now(connection, exchange, id)?;
        return Ok(RotationRow::Rotated(session));
    }
    if is_in_grace && successor.as_ref() == Some(&exchange.successor) {
        let successor = refresh_tokens::table.find(&exchange.successor);
        if successor.select(refresh_tokens::used_at.is_null()).first(connection)? {
            return Ok(RotationRow::Rotated(session));
        }
    }
    let user = sessions::table.find(id).select(sessions::user_id).first::<Id>(connection)?;
    end(connection, &[id], EndReason::RefreshReused)?;
    let reuse = NewAuditRow { subject_id: Some(user), object_id: Some(id), ..exchange.reuse.clone() };
    audit::store(connection, &reuse)?;
    Ok(RotationRow::Reused(id))
}

fn exchange_now(connection: &mut PgConnection, exchange: &ExchangeRow, session: Id) -> QueryResult<()> {
    diesel::update(refresh_tokens::table.find(&exchange.presented))
        .set((
            refresh_tokens::used_at.eq(now.into_sql::<Timestamptz>().nullable()),
            refresh_tokens::successor.eq(&exchange.successor),
        ))
        .execute(connection)?;
    diesel::insert_into(refresh_tokens::table)
        .values((refresh_tokens::hash.eq(&exchange.successor), refresh_tokens::session_id.eq(session)))
        .execute(connection)?;
    look_up::touch(connection, session).map(drop)
}

fn usable(connection: &mut PgConnection, id: Id) -> QueryResult<Option<SessionRow>> {
    Ok(look_up::session(connection, id)?.filter(SessionRow::is_usable))
}
