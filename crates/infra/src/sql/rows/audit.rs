use diesel::Queryable;
use domain::audit::{AuditEvent, NewAuditEvent, Origin};
use domain::id::{AuditEventId, SessionId, UserId};
use domain::session::Client;
use uuid::Uuid;

use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

/// What is stored of a new event.
#[derive(Clone)]
pub(crate) struct NewAuditRow {
    pub id: Id,
    pub at: Time,
    pub kind: &'static str,
    pub actor_id: Option<Id>,
    pub subject_id: Option<Id>,
    pub session_id: Option<Id>,
    pub object_id: Option<Id>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub detail: Option<String>,
}

impl From<NewAuditEvent> for NewAuditRow {
    fn from(event: NewAuditEvent) -> Self {
        let Client { ip, user_agent } = event.origin.client;
        Self {
            id: Id(event.id.as_uuid()),
            at: Time(event.at),
            kind: event.kind.as_str(),
            actor_id: event.origin.actor.map(|id| Id(id.as_uuid())),
            subject_id: event.subject.map(|id| Id(id.as_uuid())),
            session_id: event.origin.session_id.map(|id| Id(id.as_uuid())),
            object_id: event.object.map(Id),
            ip: ip.map(|ip| ip.to_string()),
            user_agent,
            detail: event.detail,
        }
    }
}

/// A new event's columns and their values, for either store's table.
macro_rules! audit_values {
    ($table:ident, $row:expr) => {
        (
            $table::id.eq($row.id),
            $table::at.eq($row.at),
            $table::kind.eq($row.kind),
            $table::actor_id.eq($row.actor_id),
            $table::subject_id.eq($row.subject_id),
            $table::session_id.eq($row.session_id),
            $table::object_id.eq($row.object_id),
            $table::ip.eq($row.ip.as_deref()),
            $table::user_agent.eq($row.user_agent.as_deref()),
            $table::detail.eq($row.detail.as_deref()),
        )
    };
}
pub(crate) use audit_values;

/// A row of `audit_events`, all columns.
#[derive(Queryable)]
pub(crate) struct AuditRow {
    id: Id,
    at: Time,
    kind: String,
    actor_id: Option<Id>,
    subject_id: Option<Id>,
    session_id: Option<Id>,
    object_id: Option<Id>,
    ip: Option<String>,
    user_agent: Option<String>,
    detail: Option<String>,
    count: i32,
}

impl TryFrom<AuditRow> for AuditEvent {
    type Error = InconsistentRow;

    fn try_from(row: AuditRow) -> Result<Self, InconsistentRow> {
        const TABLE: &str = "audit_events";
        let id = row.id.0;
        let ip = row.ip.map(|ip| ip.parse()).transpose().in_row(TABLE, "ip", id)?;
        Ok(Self {
            id: AuditEventId::from_uuid(id),
            at: row.at.0,
            kind: row.kind.parse().in_row(TABLE, "kind", id)?,
            origin: Origin {
                actor: row.actor_id.map(|id| UserId::from_uuid(id.0)),
                session_id: row.session_id.map(|id| SessionId::from_uuid(id.0)),
                client: Client { ip, user_agent: row.user_agent },
            },
            subject: row.subject_id.map(|id| UserId::from_uuid(id.0)),
            object: row.object_id.map(Uuid::from),
            detail: row.detail,
            count: u32::try_from(row.count).in_row(TABLE, "count", id)?,
        })
    }
}
