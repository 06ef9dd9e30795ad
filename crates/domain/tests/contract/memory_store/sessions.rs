use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Page, PageRequest};
use domain::session::{
    EndReason, Exchange, NewSession, RefreshToken, Rotation, Session, SessionEntry, SessionRepository, SessionState,
    TokenHash,
};

use super::{MemoryStore, Rows, now, page_of};

pub(super) struct SessionRow {
    pub(super) session: NewSession,
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_seen_at: DateTime<Utc>,
    authenticated_at: DateTime<Utc>,
    pub(super) ended: Option<(DateTime<Utc>, EndReason)>,
}

impl SessionRow {
    pub(super) fn state(&self) -> SessionState {
        match (self.ended.is_some(), self.expires_at() > now()) {
            (true, _) => SessionState::Ended,
            (false, true) => SessionState::Live,
            (false, false) => SessionState::Expired,
        }
    }

    pub(super) fn owner(&self) -> UserId {
        self.session.user_id
    }

    /// When it ends at the latest.
    pub(super) fn absolute_end(&self) -> DateTime<Utc> {
        self.created_at + self.session.lifetimes.absolute
    }

    fn is_live(&self) -> bool {
        self.state() == SessionState::Live
    }

    /// When it ends if it is not used again, or at the latest.
    fn expires_at(&self) -> DateTime<Utc> {
        (self.last_seen_at + self.session.lifetimes.idle).min(self.created_at + self.session.lifetimes.absolute)
    }
}

/// A refresh token, and what it was exchanged for.
pub(super) struct TokenRow {
    pub(super) session: SessionId,
    used: Option<(DateTime<Utc>, TokenHash)>,
}

impl Rows {
    fn session(&self, id: SessionId) -> Option<Session> {
        let row = self.sessions.get(&id)?;
        let (user, _) = self.users.get(&row.session.user_id).expect("no user is ever deleted");
        Some(Session {
            id,
            user_id: user.id,
            username: user.username.clone(),
            role: user.role,
            user_is_active: user.is_active,
            state: row.state(),
            is_fresh: row.authenticated_at + Session::FRESH > now(),
            needs_touch: row.last_seen_at + Session::TOUCH_AFTER < now(),
            expires_at: row.absolute_end(),
        })
    }

    fn live(&mut self, id: SessionId) -> Option<&mut SessionRow> {
        self.sessions.get_mut(&id).filter(|row| row.is_live())
    }

    /// Ends the live sessions of that user but `keep`, and returns them.
    pub(super) fn end_all(&mut self, owner: UserId, keep: Option<SessionId>, reason: EndReason) -> Vec<SessionId> {
        let own = self.sessions.values_mut().filter(|row| row.owner() == owner && Some(row.session.id) != keep);
        let ended = own.filter(|row| row.is_live()).map(|row| {
            row.ended = Some((now(), reason));
            row.session.id
        });
        ended.collect()
    }

    /// Whether a token that was exchanged may come again: not long ago, for the same successor, which was not used yet.
    fn may_come_again(&self, used_at: DateTime<Utc>, grace: Duration, given: TokenHash, wanted: TokenHash) -> bool {
        let is_unused = self.tokens.get(&given).is_some_and(|successor| successor.used.is_none());
        used_at + grace > now() && given == wanted && is_unused
    }
}

#[async_trait]
impl SessionRepository for MemoryStore {
    async fn open(&self, session: NewSession, event: NewAuditEvent) -> Result<(), Unexpected> {
        let mut rows = self.rows();
        let Some((user, _)) = rows.users.get_mut(&session.user_id) else {
            return Err(Unexpected::new("a session needs a user"));
        };
        let now = now();
        user.last_login = Some(now);
        if let Some(refresh) = session.refresh {
            rows.tokens.insert(refresh, TokenRow { session: session.id, used: None });
        }
        let id = session.id;
        let row = SessionRow { session, created_at: now, last_seen_at: now, authenticated_at: now, ended: None };
        rows.sessions.insert(id, row);
        rows.record(event);
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        Ok(self.rows().session(id))
    }

    async fn find_by_cookie(&self, cookie: TokenHash) -> Result<Option<SessionId>, Unexpected> {
        let rows = self.rows();
        Ok(rows.sessions.values().find(|row| row.session.cookie == Some(cookie)).map(|row| row.session.id))
    }

    async fn find_refresh(&self, token: TokenHash) -> Result<Option<RefreshToken>, Unexpected> {
        let rows = self.rows();
        let Some(token) = rows.tokens.get(&token) else { return Ok(None) };
        let is_current = token.used.is_none();
        Ok(rows.session(token.session).map(|session| RefreshToken { session, is_current }))
    }

    async fn touch(&self, id: SessionId) -> Result<(), Unexpected> {
        if let Some(row) = self.rows().live(id) {
            row.last_seen_at = now();
        }
        Ok(())
    }

    async fn confirm(&self, id: SessionId, event: NewAuditEvent) -> Result<(), Unexpected> {
        let mut rows = self.rows();
        if let Some(row) = rows.live(id) {
            row.authenticated_at = now();
            rows.record(event);
        }
        Ok(())
    }

    async fn rotate(&self, exchange: Exchange) -> Result<Rotation, Unexpected> {
        let mut rows = self.rows();
        let Some(&TokenRow { session: id, used }) = rows.tokens.get(&exchange.presented) else {
            return Ok(Rotation::Refused);
        };
        let Some(session) = rows.session(id).filter(Session::is_usable) else { return Ok(Rotation::Refused) };
        match used {
            None => {
                let used = Some((now(), exchange.successor));
                rows.tokens.insert(exchange.presented, TokenRow { session: id, used });
                rows.tokens.insert(exchange.successor, TokenRow { session: id, used: None });
                rows.live(id).expect("it is usable").last_seen_at = now();
                Ok(Rotation::Rotated(session))
            }
            Some((at, given)) if rows.may_come_again(at, exchange.grace, given, exchange.successor) => {
                Ok(Rotation::Rotated(session))
            }
            Some(_) => {
                rows.live(id).expect("it is usable").ended = Some((now(), EndReason::RefreshReused));
                rows.record(exchange.reuse.about(session.user_id).concerning(id.as_uuid()));
                Ok(Rotation::Reused(id))
            }
        }
    }

    async fn end(
        &self,
        owner: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<bool, Unexpected> {
        let mut rows = self.rows();
        let Some(row) = rows.live(id).filter(|row| row.owner() == owner) else { return Ok(false) };
        row.ended = Some((now(), reason));
        rows.record(event);
        Ok(true)
    }

    async fn end_all(
        &self,
        owner: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<Vec<SessionId>, Unexpected> {
        let mut rows = self.rows();
        let ended = rows.end_all(owner, keep, reason);
        if !ended.is_empty() {
            rows.record(event);
        }
        Ok(ended)
    }

    async fn list(&self, owner: UserId, page: PageRequest<SessionId>) -> Result<Page<SessionEntry>, ListError> {
        let rows = self.rows();
        // The list may go on after a session that has ended meanwhile.
        let own = rows.sessions.values().filter(|row| row.owner() == owner).map(|row| SessionEntry {
            id: row.session.id,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at(),
            client: row.session.client.clone(),
        });
        let is_live = |entry: &SessionEntry| rows.sessions.get(&entry.id).is_some_and(SessionRow::is_live);
        page_of(own.collect(), page, |entry| entry.id, |entry| (entry.created_at, entry.id), is_live)
    }
}
