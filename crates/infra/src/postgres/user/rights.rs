use diesel::dsl::{exists, now, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamptz};
use domain::access::CredentialId;
use domain::id::{ApiKeyId, SessionId};
use domain::session::EndReason;
use domain::user::{RightsChange, Role};

use crate::postgres::schema::{api_keys, erasures, turns, users};
use crate::postgres::{audit, session};
use crate::sql::rows::NewAuditRow;
use crate::sql::values::Id;

/// Sets the role, inside the caller's transaction.
pub(super) fn set_role(
    connection: &mut PgConnection,
    id: Id,
    role: Role,
    event: &NewAuditRow,
) -> QueryResult<RightsChange> {
    let held = hold(connection, id)?;
    match held.iter().find(|account| account.id == id) {
        None => Ok(RightsChange::NotFound),
        Some(account) if account.role == role.as_str() => Ok(RightsChange::Unchanged),
        Some(_) if is_last_admin(id, &held) => Ok(RightsChange::LastAdmin),
        Some(_) => {
            diesel::update(users::table.find(id)).set(users::role.eq(role.as_str())).execute(connection)?;
            let ended = session::end_of(connection, id, None, EndReason::RoleChanged)?;
            audit::store(connection, event)?;
            Ok(RightsChange::Made(ended.into_iter().map(session_id).collect()))
        }
    }
}

/// Disables or enables the account, inside the caller's transaction.
pub(super) fn set_active(
    connection: &mut PgConnection,
    id: Id,
    is_active: bool,
    event: &NewAuditRow,
) -> QueryResult<RightsChange> {
    let held = hold(connection, id)?;
    let is_going = exists(erasures::table.find(id));
    match held.iter().find(|account| account.id == id) {
        None => Ok(RightsChange::NotFound),
        // What is being deleted is not had back.
        Some(_) if diesel::select(is_going).get_result(connection)? => Ok(RightsChange::NotFound),
        Some(account) if account.is_active == is_active => Ok(RightsChange::Unchanged),
        Some(_) if is_last_admin(id, &held) => Ok(RightsChange::LastAdmin),
        Some(_) => {
            diesel::update(users::table.find(id)).set(users::is_active.eq(is_active)).execute(connection)?;
            audit::store(connection, event)?;
            let ended = if is_active { Vec::new() } else { stop(connection, id, EndReason::Disabled)? };
            Ok(RightsChange::Made(ended))
        }
    }
}

/// Ends whatever the user has open, and asks the turns that run to stop.
pub(in crate::postgres) fn stop(
    connection: &mut PgConnection,
    id: Id,
    reason: EndReason,
) -> QueryResult<Vec<CredentialId>> {
    let sessions = session::end_of(connection, id, None, reason)?;
    let keys = api_keys::table.filter(api_keys::user_id.eq(id)).filter(api_keys::revoked_at.is_null());
    let keys: Vec<Id> = keys.filter(api_keys::expires_at.gt(now)).select(api_keys::id).load(connection)?;
    stop_turns(connection, id)?;
    let keys = keys.into_iter().map(|id| CredentialId::ApiKey(ApiKeyId::from_uuid(id.0)));
    Ok(sessions.into_iter().map(session_id).chain(keys).collect())
}

/// Asks the turns of that user that run to stop. Without the literal there is no index of those that run.
pub(in crate::postgres) fn stop_turns(connection: &mut PgConnection, id: Id) -> QueryResult<usize> {
    let running = turns::table
        .filter(turns::user_id.eq(id))
        .filter(sql::<Bool>("turns.status = 'running'"))
        .filter(turns::cancel_requested_at.is_null());
    diesel::update(running)
        .set(turns::cancel_requested_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(connection)
}

/// What an account may do now.
#[derive(Queryable)]
pub(in crate::postgres) struct Account {
    pub(in crate::postgres) id: Id,
    role: String,
    is_active: bool,
}

/// The account and the active administrators, whom nobody else can change until the transaction ends. All of them are
/// taken at once and in one order, so that two who change them do not wait for each other.
pub(in crate::postgres) fn hold(connection: &mut PgConnection, id: Id) -> QueryResult<Vec<Account>> {
    let is_admin = users::role.eq(Role::Admin.as_str()).and(users::is_active);
    let concerned = users::table.filter(users::id.eq(id).or(is_admin)).order(users::id);
    concerned.select((users::id, users::role, users::is_active)).for_update().load(connection)
}

pub(in crate::postgres) fn is_last_admin(id: Id, held: &[Account]) -> bool {
    let mut admins = held.iter().filter(|account| account.role == Role::Admin.as_str() && account.is_active);
    admins.next().is_some_and(|admin| admin.id == id) && admins.next().is_none()
}

fn session_id(id: Id) -> CredentialId {
    CredentialId::Session(SessionId::from_uuid(id.0))
}
