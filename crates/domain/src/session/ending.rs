use std::sync::Arc;

use super::{Client, EndReason, SessionEntry, SessionRepository};
use crate::Unexpected;
use crate::access::Principal;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::id::SessionId;
use crate::page::{ListError, Page, PageRequest};

/// Use case: one's own sessions, and ending them.
#[derive(Clone)]
pub struct SessionService {
    sessions: Arc<dyn SessionRepository>,
    audit: AuditTrail,
}

impl SessionService {
    /// The use case over these ports.
    pub fn new(sessions: Arc<dyn SessionRepository>, audit: AuditTrail) -> Self {
        Self { sessions, audit }
    }

    /// The caller's live sessions, by time of their opening.
    pub async fn list(
        &self,
        caller: &Principal,
        page: PageRequest<SessionId>,
    ) -> Result<Page<SessionEntry>, ListError> {
        self.sessions.list(caller.user_id, page).await
    }

    /// Ends the session that the request comes in. A caller without one (an API key) has nothing to end.
    pub async fn logout(&self, caller: &Principal, client: Client) -> Result<(), Unexpected> {
        if let Some(session) = caller.session_id() {
            let event = self.audit.event(AuditKind::Logout, &Origin::of(caller, client)).about(caller.user_id);
            self.sessions.end(caller.user_id, session, EndReason::Logout, event).await?;
        }
        Ok(())
    }

    /// Ends one of the caller's sessions. `false` if there is no live session of that id, or it is somebody else's.
    pub async fn end(&self, caller: &Principal, id: SessionId, client: Client) -> Result<bool, Unexpected> {
        let event = self.audit.event(AuditKind::SessionRevoked, &Origin::of(caller, client)).about(caller.user_id);
        self.sessions.end(caller.user_id, id, EndReason::Revoked, event.concerning(id.as_uuid())).await
    }

    /// Ends all of the caller's sessions but the one the request comes in, and returns how many there were.
    pub async fn end_others(&self, caller: &Principal, client: Client) -> Result<usize, Unexpected> {
        let event = self.audit.event(AuditKind::SessionRevoked, &Origin::of(caller, client)).about(caller.user_id);
        let event = event.saying("all others");
        let ended = self.sessions.end_all(caller.user_id, caller.session_id(), EndReason::Revoked, event).await?;
        Ok(ended.len())
    }
}
