use diesel::Queryable;
use domain::id::{SessionId, UserId};
use domain::session::{Session, SessionState};
use domain::user::Username;

use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

/// A session and its user: `sessions.id, user_id, expires_at, ended_at`, whether it has expired by the
/// store's clock, and `users.username, role, is_active`.
#[derive(Queryable)]
pub(crate) struct SessionRow {
    id: Id,
    user_id: Id,
    expires_at: Time,
    ended_at: Option<Time>,
    has_expired: bool,
    username: String,
    role: String,
    is_active: bool,
}

impl TryFrom<SessionRow> for Session {
    type Error = InconsistentRow;

    fn try_from(row: SessionRow) -> Result<Self, InconsistentRow> {
        let user_id = row.user_id.0;
        Ok(Self {
            id: SessionId::from_uuid(row.id.0),
            user_id: UserId::from_uuid(user_id),
            username: Username::try_from(row.username).in_row("users", "username", user_id)?,
            role: row.role.parse().in_row("users", "role", user_id)?,
            user_is_active: row.is_active,
            state: match (row.ended_at, row.has_expired) {
                (Some(_), _) => SessionState::Ended,
                (None, true) => SessionState::Expired,
                (None, false) => SessionState::Live,
            },
            expires_at: row.expires_at.0,
        })
    }
}
