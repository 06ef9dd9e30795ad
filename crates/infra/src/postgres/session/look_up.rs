use diesel::dsl::{now, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::postgres::schema::{sessions, users};
use crate::sql::rows::SessionRow;
use crate::sql::values::Id;

/// Whether a session's time is not over, by the absolute end and by the idle one.
pub(super) fn is_in_time() -> SqlLiteral<Bool> {
    sql("(sessions.expires_at > now() AND sessions.last_seen_at + sessions.idle_seconds * interval '1 second' > now())")
}

/// The session with what its user may do at this moment. The times are [`domain::session::Session::FRESH`] and
/// [`domain::session::Session::TOUCH_AFTER`].
pub(super) fn session(connection: &mut PgConnection, id: Id) -> QueryResult<Option<SessionRow>> {
    sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id))
        .select((
            sessions::id,
            sessions::user_id,
            sessions::expires_at,
            sessions::ended_at,
            diesel::dsl::not(is_in_time()),
            sql::<Bool>("sessions.authenticated_at > now() - interval '300 seconds'"),
            sql::<Bool>("sessions.last_seen_at < now() - interval '60 seconds'"),
            users::username,
            users::role,
            users::is_active,
        ))
        .first::<SessionRow>(connection)
        .optional()
}

/// Notes that a live session is being used.
pub(super) fn touch(connection: &mut PgConnection, id: Id) -> QueryResult<usize> {
    diesel::update(sessions::table.find(id).filter(sessions::ended_at.is_null()).filter(is_in_time()))
        .set(sessions::last_seen_at.eq(now))
        .execute(connection)
}
