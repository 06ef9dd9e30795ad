use diesel::Queryable;
use domain::api_key::ApiKey;
use domain::export::{KeyRecord, SessionRecord};
use domain::id::SessionId;
use domain::session::Client;

use super::ApiKeyRow;
use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

/// A session in full: `id, created_at, last_seen_at, expires_at, ended_at, end_reason, ip, user_agent`.
#[derive(Queryable)]
pub(crate) struct SessionRecordRow {
    id: Id,
    created_at: Time,
    last_seen_at: Time,
    expires_at: Time,
    ended_at: Option<Time>,
    end_reason: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
}

impl TryFrom<SessionRecordRow> for SessionRecord {
    type Error = InconsistentRow;

    fn try_from(row: SessionRecordRow) -> Result<Self, InconsistentRow> {
        let ip = row.ip.map(|ip| ip.parse()).transpose().in_row("sessions", "ip", row.id.0)?;
        Ok(Self {
            id: SessionId::from_uuid(row.id.0),
            created_at: row.created_at.0,
            last_seen_at: row.last_seen_at.0,
            expires_at: row.expires_at.0,
            ended_at: row.ended_at.map(|time| time.0),
            end_reason: row.end_reason,
            client: Client { ip, user_agent: row.user_agent },
        })
    }
}

/// An API key in full: the columns of an [`ApiKeyRow`], and `revoked_at`.
#[derive(Queryable)]
pub(crate) struct KeyRecordRow {
    key: ApiKeyRow,
    revoked_at: Option<Time>,
}

impl TryFrom<KeyRecordRow> for KeyRecord {
    type Error = InconsistentRow;

    fn try_from(row: KeyRecordRow) -> Result<Self, InconsistentRow> {
        Ok(Self { key: ApiKey::try_from(row.key)?, revoked_at: row.revoked_at.map(|time| time.0) })
    }
}
