use domain::audit as model;
use domain::id::{SessionId, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditEvent {
    /// Which event.
    id: Uuid,
    /// When it happened.
    at: Timestamp,
    /// What happened.
    #[schema(example = "login.failed")]
    kind: &'static str,
    /// Who did it; null before a login, and on the command line.
    actor_id: Option<Uuid>,
    /// To whom.
    subject_id: Option<Uuid>,
    /// The session it was done in.
    session_id: Option<Uuid>,
    /// The session, key or other thing it was done to.
    object_id: Option<Uuid>,
    /// Where it came from; forgotten after 90 days.
    #[schema(example = "203.0.113.7")]
    ip: Option<String>,
    /// What it came with; forgotten after 90 days.
    user_agent: Option<String>,
    /// What else there is to say.
    detail: Option<String>,
    /// How often: 1, but for what is counted by the minute.
    #[schema(example = 1)]
    count: u32,
}

impl From<model::AuditEvent> for AuditEvent {
    fn from(event: model::AuditEvent) -> Self {
        Self {
            id: event.id.as_uuid(),
            at: Timestamp(event.at),
            kind: event.kind.as_str(),
            actor_id: event.origin.actor.map(UserId::as_uuid),
            subject_id: event.subject.map(UserId::as_uuid),
            session_id: event.origin.session_id.map(SessionId::as_uuid),
            object_id: event.object,
            ip: event.origin.client.ip.map(|ip| ip.to_string()),
            user_agent: event.origin.client.user_agent,
            detail: event.detail,
            count: event.count,
        }
    }
}
