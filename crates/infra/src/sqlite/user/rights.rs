use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use domain::access::CredentialId;
use domain::id::{ApiKeyId, SessionId};
use domain::session::EndReason;
use domain::user::{RightsChange, Role};

use crate::sql::rows::NewAuditRow;
use crate::sql::values::{Id, Time};
use crate::sqlite::schema::{api_keys, erasures, turns, users};
use crate::sqlite::{audit, session};

/// Sets the role, inside the caller's transaction.
pub(super) fn set_role(
    connection: &mut SqliteConnection,
    id: Id,
    role: Role,
    event: &NewAuditRow,
    now: Time,
) -> QueryResult<RightsChange> {
    let admins = active_admins(connection)?;
    let current = users::table.find(id).select(users::role).first::<String>(connection).optional()?;
    match current {
        None => Ok(RightsChange::NotFound),
        Some(current) if current == role.as_str() => Ok(RightsChange::Unchanged),
        Some(_) if admins == [id] => Ok(RightsChange::LastAdmin),
        Some(_) => {
            diesel::update(users::table.find(id)).set(users::role.eq(role.as_str())).execute(connection)?;
            let ended = session::end_of(connection, id, None, EndReason::RoleChanged, now)?;
            audit::store(connection, event)?;
            Ok(RightsChange::Made(ended.into_iter().map(session_id).collect()))
        }
    }
}

/// Disables or enables the account, inside the caller's transaction.
pub(super) fn set_active(
    connection: &mut SqliteConnection,
    id: Id,
    is_active: bool,
    event: &NewAuditRow,
    now: Time,
) -> QueryResult<RightsChange> {
    let admins = active_admins(connection)?;
    let current = users::table.find(id).select(users::is_active).first::<bool>(connection).optional()?;
    let is_going = exists(erasures::table.find(id));
    match current {
        None => Ok(RightsChange::NotFound),
        // What is being deleted is not had back.
        Some(_) if diesel::select(is_going).get_result(connection)? => Ok(RightsChange::NotFound),
        Some(current) if current == is_active => Ok(RightsChange::Unchanged),
        Some(_) if admins == [id] => Ok(RightsChange::LastAdmin),
        Some(_) => {
            diesel::update(users::table.find(id)).set(users::is_active.eq(is_active)).execute(connection)?;
            audit::store(connection, event)?;
            let ended = if is_active { Vec::new() } else { stop(connection, id, EndReason::Disabled, now)? };
            Ok(RightsChange::Made(ended))
        }
    }
}

/// Ends whatever the user has open, and asks the turns that run to stop.
pub(in crate::sqlite) fn stop(
    connection: &mut SqliteConnection,
    id: Id,
    reason: EndReason,
    now: Time,
) -> QueryResult<Vec<CredentialId>> {
    let sessions = session::end_of(connection, id, None, reason, now)?;
    let keys = api_keys::table.filter(api_keys::user_id.eq(id)).filter(api_keys::revoked_at.is_null());
    let keys: Vec<Id> = keys.filter(api_keys::expires_at.gt(now)).select(api_keys::id).load(connection)?;
    stop_turns(connection, id, now)?;
    let keys = keys.into_iter().map(|id| CredentialId::ApiKey(ApiKeyId::from_uuid(id.0)));
    Ok(sessions.into_iter().map(session_id).chain(keys).collect())
}

/// Asks the turns of that user that run to stop. Without the literal there is no index of those that run.
pub(in crate::sqlite) fn stop_turns(connection: &mut SqliteConnection, id: Id, now: Time) -> QueryResult<usize> {
    let running = turns::table
        .filter(turns::user_id.eq(id))
        .filter(sql::<Bool>("turns.status = 'running'"))
        .filter(turns::cancel_requested_at.is_null());
    diesel::update(running).set(turns::cancel_requested_at.eq(now)).execute(connection)
}

/// The active administrators.
pub(in crate::sqlite) fn active_admins(connection: &mut SqliteConnection) -> QueryResult<Vec<Id>> {
    let admins = users::table.filter(users::role.eq(Role::Admin.as_str())).filter(users::is_active);
    admins.order(users::id).select(users::id).load(connection)
}

fn session_id(id: Id) -> CredentialId {
    CredentialId::Session(SessionId::from_uuid(id.0))
}
