use diesel::Queryable;
use domain::Unexpected;
use domain::id::{SessionId, UserId};
use domain::session::{Client, NewSession, Session, SessionEntry, SessionState};
use domain::user::Username;

use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

/// A session and its user: `sessions.id, user_id, expires_at, ended_at`; whether it has expired, whether its password was
/// given a moment ago and whether it is long since it was seen, by the store's clock; and `users.username, role,
/// is_active`.
#[derive(Queryable)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the query")]
pub(crate) struct SessionRow {
    id: Id,
    user_id: Id,
    expires_at: Time,
    ended_at: Option<Time>,
    has_expired: bool,
    is_fresh: bool,
    needs_touch: bool,
    username: String,
    role: String,
    is_active: bool,
}

impl SessionRow {
    /// Whether requests may be made with it.
    pub(crate) const fn is_usable(&self) -> bool {
        self.is_active && self.ended_at.is_none() && !self.has_expired
    }
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
            is_fresh: row.is_fresh,
            needs_touch: row.needs_touch,
            expires_at: row.expires_at.0,
        })
    }
}

/// What is stored of a new session, besides its times.
#[derive(Clone)]
pub(crate) struct NewSessionRow {
    pub id: Id,
    pub user_id: Id,
    pub idle_seconds: i64,
    pub absolute_seconds: i64,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub cookie: Option<Vec<u8>>,
    pub refresh: Option<Vec<u8>>,
}

impl TryFrom<NewSession> for NewSessionRow {
    type Error = Unexpected;

    fn try_from(session: NewSession) -> Result<Self, Unexpected> {
        Ok(Self {
            id: Id(session.id.as_uuid()),
            user_id: Id(session.user_id.as_uuid()),
            idle_seconds: i64::try_from(session.lifetimes.idle.as_secs()).map_err(Unexpected::new)?,
            absolute_seconds: i64::try_from(session.lifetimes.absolute.as_secs()).map_err(Unexpected::new)?,
            ip: session.client.ip.map(|ip| ip.to_string()),
            user_agent: session.client.user_agent,
            cookie: session.cookie.map(|hash| hash.0.to_vec()),
            refresh: session.refresh.map(|hash| hash.0.to_vec()),
        })
    }
}

/// A session in a list: `id, created_at, last_seen_at, expires_at, idle_seconds, ip, user_agent`.
#[derive(Queryable)]
pub(crate) struct SessionEntryRow {
    id: Id,
    created_at: Time,
    last_seen_at: Time,
    expires_at: Time,
    idle_seconds: i64,
    ip: Option<String>,
    user_agent: Option<String>,
}

impl TryFrom<SessionEntryRow> for SessionEntry {
    type Error = InconsistentRow;

    fn try_from(row: SessionEntryRow) -> Result<Self, InconsistentRow> {
        let ip = row.ip.map(|ip| ip.parse()).transpose().in_row("sessions", "ip", row.id.0)?;
        let idle_end = chrono::TimeDelta::try_seconds(row.idle_seconds)
            .and_then(|idle| row.last_seen_at.0.checked_add_signed(idle))
            .unwrap_or(row.expires_at.0);
        Ok(Self {
            id: SessionId::from_uuid(row.id.0),
            created_at: row.created_at.0,
            last_seen_at: row.last_seen_at.0,
            expires_at: row.expires_at.0.min(idle_end),
            client: Client { ip, user_agent: row.user_agent },
        })
    }
}
