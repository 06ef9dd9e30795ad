use chrono::TimeDelta;
use diesel::prelude::*;
use domain::Unexpected;
use domain::id::SessionId;
use domain::session::{EndReason, Exchange, Rotation, Session};

use super::{end, look_up};
use crate::sql::rows::{NewAuditRow, SessionRow};
use crate::sql::values::{Id, Time};
use crate::sqlite::audit;
use crate::sqlite::schema::{refresh_tokens, sessions};

/// A refresh token that is to be exchanged, as it is stored.
pub(super) struct ExchangeRow {
    presented: Vec<u8>,
    successor: Vec<u8>,
    grace: TimeDelta,
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
            grace: TimeDelta::from_std(exchange.grace).unwrap_or(TimeDelta::MAX),
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

/// Exchanges the token, inside the caller's transaction, which has the only writer to itself.
pub(super) fn rotate(connection: &mut SqliteConnection, exchange: &ExchangeRow, now: Time) -> QueryResult<RotationRow> {
    let token = refresh_tokens::table.find(&exchange.presented);
    let Some(id) = token.select(refresh_tokens::session_id).first::<Id>(connection).optional()? else {
        return Ok(RotationRow::Refused);
    };
    let Some(session) = usable(connection, id, now)? else { return Ok(RotationRow::Refused) };

    let columns = (refresh_tokens::used_at, refresh_tokens::successor);
    let (used_at, successor): (Option<Time>, Option<Vec<u8>>) = token.select(columns).first(connection)?;
    let Some(Time(used_at)) = used_at else {
        exchange_now(connection, exchange, id, now)?;
        return Ok(RotationRow::Rotated(session));
    };
    let is_in_grace = used_at.checked_add_signed(exchange.grace).is_none_or(|end| end > now.0);
    if is_in_grace && successor.as_ref() == Some(&exchange.successor) {
        let successor = refresh_tokens::table.find(&exchange.successor);
        if successor.select(refresh_tokens::used_at.is_null()).first(connection)? {
            return Ok(RotationRow::Rotated(session));
        }
    }
    let user = sessions::table.find(id).select(sessions::user_id).first::<Id>(connection)?;
    end(connection, &[id], EndReason::RefreshReused, now)?;
    let reuse = NewAuditRow { subject_id: Some(user), object_id: Some(id), ..exchange.reuse.clone() };
    audit::store(connection, &reuse)?;
    Ok(RotationRow::Reused(id))
}

fn exchange_now(connection: &mut SqliteConnection, exchange: &ExchangeRow, session: Id, now: Time) -> QueryResult<()> {
    diesel::update(refresh_tokens::table.find(&exchange.presented))
        .set((refresh_tokens::used_at.eq(now), refresh_tokens::successor.eq(&exchange.successor)))
        .execute(connection)?;
    diesel::insert_into(refresh_tokens::table)
        .values((refresh_tokens::hash.eq(&exchange.successor), refresh_tokens::session_id.eq(session)))
        .execute(connection)?;
    look_up::touch(connection, session, now).map(drop)
}

fn usable(connection: &mut SqliteConnection, id: Id, now: Time) -> QueryResult<Option<SessionRow>> {
    Ok(look_up::session(connection, id, now)?.filter(SessionRow::is_usable))
}
