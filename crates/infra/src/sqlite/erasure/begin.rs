use diesel::dsl::exists;
use diesel::prelude::*;
use domain::access::CredentialId;
use domain::erasure::Begun;
use domain::id::{ApiKeyId, SessionId};
use domain::session::EndReason;

use crate::sql::rows::NewAuditRow;
use crate::sql::values::{Id, Time};
use crate::sqlite::audit;
use crate::sqlite::schema::{api_keys, erasures, sessions, users};
use crate::sqlite::user::rights;

/// Takes the account out of use, inside the caller's transaction.
pub(super) fn begin(connection: &mut SqliteConnection, id: Id, event: &NewAuditRow, now: Time) -> QueryResult<Begun> {
    let admins = rights::active_admins(connection)?;
    if users::table.find(id).select(users::id).first::<Id>(connection).optional()?.is_none() {
        return Ok(Begun::NotFound);
    }
    let has_begun: bool = diesel::select(exists(erasures::table.find(id))).get_result(connection)?;
    if !has_begun {
        if admins == [id] {
            return Ok(Begun::LastAdmin);
        }
        diesel::insert_into(erasures::table)
            .values((erasures::user_id.eq(id), erasures::begun_at.eq(now), erasures::went_on_at.eq(now)))
            .execute(connection)?;
        diesel::update(users::table.find(id)).set(users::is_active.eq(false)).execute(connection)?;
        rights::stop(connection, id, EndReason::Deleted, now)?;
        audit::store(connection, event)?;
    }
    Ok(Begun::Begun(ended(connection, id)?))
}

/// What was good before, also if that was told already and got lost.
fn ended(connection: &mut SqliteConnection, id: Id) -> QueryResult<Vec<CredentialId>> {
    let sessions = sessions::table
        .filter(sessions::user_id.eq(id))
        .filter(sessions::end_reason.eq(EndReason::Deleted.as_str()))
        .select(sessions::id)
        .load::<Id>(connection)?;
    let keys = api_keys::table
        .filter(api_keys::user_id.eq(id))
        .filter(api_keys::revoked_at.is_null())
        .select(api_keys::id)
        .load::<Id>(connection)?;
    let sessions = sessions.into_iter().map(|id| CredentialId::Session(SessionId::from_uuid(id.0)));
    let keys = keys.into_iter().map(|id| CredentialId::ApiKey(ApiKeyId::from_uuid(id.0)));
    Ok(sessions.chain(keys).collect())
}
