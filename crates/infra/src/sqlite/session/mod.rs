//! Sessions in SQLite. The store's clock is that of the only server there is.

mod look_up;
mod rotate;

use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::clock::Clock;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};
use domain::session::{
    EndReason, Exchange, NewSession, RefreshToken, Rotation, Session, SessionEntry, SessionRepository, TokenHash,
};

use super::audit;
use super::connection::Readers;
use super::schema::{refresh_tokens, sessions, users};
use super::writer::Writer;
use crate::sql::rows::{NewAuditRow, NewSessionRow, SessionEntryRow};
use crate::sql::values::{Id, Time};
use crate::sql::{keyset, page};

pub(super) use look_up::is_in_time;

pub(super) struct Sessions {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

/// Ends the live sessions of that user, but `keep`, inside the caller's transaction, and returns them.
pub(super) fn end_of(
    connection: &mut SqliteConnection,
    owner: Id,
    keep: Option<Id>,
    reason: EndReason,
    now: Time,
) -> QueryResult<Vec<Id>> {
    let live = sessions::table
        .filter(sessions::user_id.eq(owner))
        .filter(sessions::ended_at.is_null())
        .filter(is_in_time(now));
    let mut ids: Vec<Id> = live.select(sessions::id).load(connection)?;
    ids.retain(|id| Some(*id) != keep);
    end(connection, &ids, reason, now)?;
    Ok(ids)
}

fn end(connection: &mut SqliteConnection, ids: &[Id], reason: EndReason, now: Time) -> QueryResult<usize> {
    let over = (sessions::ended_at.eq(now), sessions::end_reason.eq(reason.as_str()));
    let live = sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::ended_at.is_null());
    diesel::update(live).set(over).execute(connection)
}

#[async_trait]
impl SessionRepository for Sessions {
    async fn open(&self, session: NewSession, event: NewAuditEvent) -> Result<(), Unexpected> {
        let session = NewSessionRow::try_from(session)?;
        let event = NewAuditRow::from(event);
        let now = Time(self.clock.now());
        let open = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let opened = diesel::insert_into(sessions::table)
                    .values((
                        sessions::id.eq(session.id),
                        sessions::user_id.eq(session.user_id),
                        sessions::created_at.eq(now),
                        sessions::expires_at.eq(look_up::after(now, session.absolute_seconds)),
                        sessions::last_seen_at.eq(now),
                        sessions::authenticated_at.eq(now),
                        sessions::idle_seconds.eq(session.idle_seconds),
                        sessions::ip.eq(session.ip.as_deref()),
                        sessions::user_agent.eq(session.user_agent.as_deref()),
                        sessions::cookie_hash.eq(session.cookie.as_deref()),
                    ))
                    .on_conflict(sessions::id)
                    .do_nothing()
                    .execute(connection)?;
                if opened == 0 {
                    return Ok(());
                }
                if let Some(refresh) = &session.refresh {
                    diesel::insert_into(refresh_tokens::table)
                        .values((refresh_tokens::hash.eq(refresh), refresh_tokens::session_id.eq(session.id)))
                        .execute(connection)?;
                }
                diesel::update(users::table.find(session.user_id))
                    .set(users::last_login.eq(now))
                    .execute(connection)?;
                audit::store(connection, &event)
            })
        };
        Ok(self.writer.write(open).await?)
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        let now = Time(self.clock.now());
        let find = move |connection: &mut SqliteConnection| look_up::session(connection, Id(id.as_uuid()), now);
        self.readers.run(find).await?.map(Session::try_from).transpose().map_err(Unexpected::new)
    }

    async fn find_by_cookie(&self, TokenHash(cookie): TokenHash) -> Result<Option<SessionId>, Unexpected> {
        let find = move |connection: &mut SqliteConnection| {
            let session = sessions::table.filter(sessions::cookie_hash.eq(cookie.as_slice())).select(sessions::id);
            session.first::<Id>(connection).optional()
        };
        Ok(self.readers.run(find).await?.map(|id| SessionId::from_uuid(id.0)))
    }

    async fn find_refresh(&self, TokenHash(token): TokenHash) -> Result<Option<RefreshToken>, Unexpected> {
        let now = Time(self.clock.now());
        let find = move |connection: &mut SqliteConnection| {
            let token = refresh_tokens::table.find(token.as_slice());
            let token = token.select((refresh_tokens::session_id, refresh_tokens::used_at.is_null()));
            let Some((session, is_current)) = token.first::<(Id, bool)>(connection).optional()? else {
                return Ok(None);
            };
            Ok(look_up::session(connection, session, now)?.map(|session| (session, is_current)))
        };
        let Some((session, is_current)) = self.readers.run(find).await? else { return Ok(None) };
        Ok(Some(RefreshToken { session: session.try_into().map_err(Unexpected::new)?, is_current }))
    }

    async fn touch(&self, id: SessionId) -> Result<(), Unexpected> {
        let now = Time(self.clock.now());
        let touch = move |connection: &mut SqliteConnection| look_up::touch(connection, Id(id.as_uuid()), now);
        self.writer.write(touch).await?;
        Ok(())
    }

    async fn confirm(&self, id: SessionId, event: NewAuditEvent) -> Result<(), Unexpected> {
        let event = NewAuditRow::from(event);
        let now = Time(self.clock.now());
        let confirm = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let live =
                    sessions::table.find(Id(id.as_uuid())).filter(sessions::ended_at.is_null()).filter(is_in_time(now));
                if diesel::update(live).set(sessions::authenticated_at.eq(now)).execute(connection)? == 1 {
                    audit::store(connection, &event)?;
                }
                Ok(())
            })
        };
        Ok(self.writer.write(confirm).await?)
    }

    async fn rotate(&self, exchange: Exchange) -> Result<Rotation, Unexpected> {
        let exchange = rotate::ExchangeRow::from(exchange);
        let now = Time(self.clock.now());
        let rotate = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| rotate::rotate(connection, &exchange, now))
        };
        rotate::rotation(self.writer.write(rotate).await?)
    }

    async fn end(
        &self,
        owner: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<bool, Unexpected> {
        let (owner, id) = (Id(owner.as_uuid()), Id(id.as_uuid()));
        let event = NewAuditRow::from(event);
        let now = Time(self.clock.now());
        let end = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let live = sessions::table
                    .find(id)
                    .filter(sessions::user_id.eq(owner))
                    .filter(sessions::ended_at.is_null())
                    .filter(is_in_time(now));
                let found: Option<Id> = live.select(sessions::id).first(connection).optional()?;
                if found.is_none() {
                    return Ok(false);
                }
                end(connection, &[id], reason, now)?;
                audit::store(connection, &event)?;
                Ok(true)
            })
        };
        Ok(self.writer.write(end).await?)
    }

    async fn end_all(
        &self,
        owner: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewAuditEvent,
    ) -> Result<Vec<SessionId>, Unexpected> {
        let (owner, keep) = (Id(owner.as_uuid()), keep.map(|id| Id(id.as_uuid())));
        let event = NewAuditRow::from(event);
        let now = Time(self.clock.now());
        let end = move |connection: &mut SqliteConnection| {
            connection.transaction(|connection| {
                let ended = end_of(connection, owner, keep, reason, now)?;
                if !ended.is_empty() {
                    audit::store(connection, &event)?;
                }
                Ok(ended)
            })
        };
        Ok(self.writer.write(end).await?.into_iter().map(|id| SessionId::from_uuid(id.0)).collect())
    }

    async fn list(&self, owner: UserId, request: PageRequest<SessionId>) -> Result<Page<SessionEntry>, ListError> {
        let (owner, now) = (Id(owner.as_uuid()), Time(self.clock.now()));
        let find = move |connection: &mut SqliteConnection| {
            let live = || {
                sessions::table
                    .filter(sessions::user_id.eq(owner))
                    .filter(sessions::ended_at.is_null())
                    .filter(is_in_time(now))
            };
            let columns = (
                sessions::id,
                sessions::created_at,
                sessions::last_seen_at,
                sessions::expires_at,
                sessions::idle_seconds,
                sessions::ip,
                sessions::user_agent,
            );
            let own = sessions::table.filter(sessions::user_id.eq(owner));
            let query = keyset!(
                live().select(columns),
                request,
                connection,
                cursor = own,
                time = sessions::created_at,
                id = sessions::id
            );
            query.load::<SessionEntryRow>(connection).map(Some)
        };
        page(self.readers.run(find).await, request.limit, SessionEntry::try_from)
    }
}
