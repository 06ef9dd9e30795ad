use chrono::TimeDelta;
use diesel::dsl::{auto_type, not};
use diesel::prelude::*;
use domain::session::Session;

use crate::sql::rows::SessionRow;
use crate::sql::values::{Id, Time};
use crate::sqlite::schema::{sessions, users};

const MICROSECONDS: i64 = 1_000_000;

/// Whether a session's time is not over, by the absolute end and by the idle one.
#[auto_type(no_type_alias)]
pub(in crate::sqlite) fn is_in_time(now: Time) -> _ {
    let micros: i64 = MICROSECONDS;
    let idle_end = sessions::last_seen_at + sessions::idle_seconds * micros;
    sessions::expires_at.gt(now).and(idle_end.gt(now))
}

/// So many seconds later.
pub(super) fn after(now: Time, seconds: i64) -> Time {
    let later = TimeDelta::try_seconds(seconds).and_then(|seconds| now.0.checked_add_signed(seconds));
    later.map_or(now, Time)
}

/// The session with what its user may do at this moment.
pub(super) fn session(connection: &mut SqliteConnection, id: Id, now: Time) -> QueryResult<Option<SessionRow>> {
    sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id))
        .select((
            sessions::id,
            sessions::user_id,
            sessions::expires_at,
            sessions::ended_at,
            not(is_in_time(now)),
            sessions::authenticated_at.gt(Time(now.0 - Session::FRESH)),
            sessions::last_seen_at.lt(Time(now.0 - Session::TOUCH_AFTER)),
            users::username,
            users::role,
            users::is_active,
        ))
        .first::<SessionRow>(connection)
        .optional()
}

/// Notes that a live session is being used.
pub(super) fn touch(connection: &mut SqliteConnection, id: Id, now: Time) -> QueryResult<usize> {
    diesel::update(sessions::table.find(id).filter(sessions::ended_at.is_null()).filter(is_in_time(now)))
        .set(sessions::last_seen_at.eq(now))
        .execute(connection)
}
