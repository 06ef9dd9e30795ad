//! Sessions in PostgreSQL, timed by its clock.

mod look_up;
mod rotate;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};
use domain::session::{
    EndReason, Exchange, NewSession, RefreshToken, Rotation, Session, SessionEntry, SessionRepository, TokenHash,
};

use super::audit;
use super::connection::PgPool;
use super::schema::{refresh_tokens, sessions, users};
use crate::sql::rows::{NewAuditRow, NewSessionRow, SessionEntryRow};
use crate::sql::values::{Id, Time};
use crate::sql::{keyset, page};

pub(super) struct Sessions(pub PgPool);

/// Ends the live sessions of that user, but `keep`, inside the caller's transaction, and returns them.
pub(super) fn end_of(
    connection: &mut PgConnection,
    owner: Id,
    keep: Option<Id>,
    reason: EndReason,
) -> QueryResult<Vec<Id>> {
    let live = sessions::table
        .filter(sessions::user_id.eq(owner))
        .filter(sessions::ended_at.is_null())
        .filter(look_up::is_in_time());
    // In one order, so that two who end them at once do not wait for each other.
    let mut ids: Vec<Id> = live.order(sessions::id).select(sessions::id).for_update().load(connection)?;
    ids.retain(|id| Some(*id) != keep);
    end(connection, &ids, reason)?;
    Ok(ids)
}

fn end(connection: &mut PgConnection, ids: &[Id], reason: EndReason) -> QueryResult<usize> {
    let over =
        (sessions::ended_at.eq(now.into_sql::<Timestamptz>().nullable()), sessions::end_reason.eq(reason.as_str()));
    let live = sessions::table.filter(sessions::id.eq_any(ids)).filter(sessions::ended_at.is_null());
    diesel::update(live).set(over).execute(connection)
}

#[async_trait]
impl SessionRepository for Sessions {
    async fn open(&self, session: NewSession, event: NewAuditEvent) -> Result<(), Unexpected> {
        let session = NewSessionRow::try_from(session)?;
        let event = NewAuditRow::from(event);
        let lifetime = TimeDelta::seconds(session.absolute_seconds);
        let open = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let opened = diesel::insert_into(sessions::table)
                    .values((
                        sessions::id.eq(session.id),
                        sessions::user_id.eq(session.user_id),
                        sessions::expires_at.eq(now.into_sql::<Timestamptz>() + lifetime.into_sql::<Interval>()),
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
                    .set(users::last_login.eq(now.into_sql::<Timestamptz>().nullable()))
                    .execute(connection)?;
                audit::store(connection, &event)
            })
        };
        Ok(self.0.run(open).await?)
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        let find = move |connection: &mut PgConnection| look_up::session(connection, Id(id.as_uuid()));
        self.0.run(find).await?.map(Session::try_from).transpose().map_err(Unexpected::new)
    }

    async fn find_by_cookie(&self, TokenHash(cookie): TokenHash) -> Result<Option<SessionId>, Unexpected> {
        let find = move |connection: &mut PgConnection| {
            let session = sessions::table.filter(sessions::cookie_hash.eq(cookie.as_slice())).select(sessions::id);
            session.first::<Id>(connection).optional()
        };
        Ok(self.0.run(find).await?.map(|id| SessionId::from_uuid(id.0)))
    }

    async fn find_refresh(&self, TokenHash(token): TokenHash) -> Result<Option<RefreshToken>, Unexpected> {
        let find = move |connection: &mut PgConnection| {
            let token = refresh_tokens::table.find(token.as_slice());
            let token = token.select((refresh_tokens::session_id, refresh_tokens::used_at.is_null()));
            let Some((session, is_current)) = token.first::<(Id, bool)>(connection).optional()? else {
                return Ok(None);
            };
            Ok(look_up::session(connection, session)?.map(|session| (session, is_current)))
        };
        let Some((session, is_current)) = self.0.run(find).await? else { return Ok(None) };
        Ok(Some(RefreshToken { session: session.try_into().map_err(Unexpected::new)?, is_current }))
    }

    async fn touch(&self, id: SessionId) -> Result<(), Unexpected> {
        let touch = move |connection: &mut PgConnection| look_up::touch(connection, Id(id.as_uuid()));
        self.0.run(touch).await?;
        Ok(())
    }

    async fn confirm(&self, id: SessionId, event: NewAuditEvent) -> Result<(), Unexpected> {
        let event = NewAuditRow::from(event);
        let confirm = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let live = sessions::table
                    .find(Id(id.as_uuid()))
                    .filter(sessions::ended_at.is_null())
                    .filter(look_up::is_in_time());
                if diesel::update(live).set(sessions::authenticated_at.eq(now)).execute(connection)? == 1 {
                    audit::store(connection, &event)?;
                }
                Ok(())
            })
        };
        Ok(self.0.run(confirm).await?)
    }

    async fn rotate(&self, exchange: Exchange) -> Result<Rotation, Unexpected> {
        let exchange = rotate::ExchangeRow::from(exchange);
        let rotate = move |connection: &mut PgConnection| {
            connection.transaction(|connection| rotate::rotate(connection, &exchange))
        };
        rotate::rotation(self.0.run(rotate).await?)
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
        let end = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let live = sessions::table
                    .find(id)
                    .filter(sessions::user_id.eq(owner))
                    .filter(sessions::ended_at.is_null())
                    .filter(look_up::is_in_time());
                let found: Option<Id> = live.select(sessions::id).for_update().first(connection).optional()?;
                if found.is_none() {
                    return Ok(false);
                }
                end(connection, &[id], reason)?;
                audit::store(connection, &event)?;
                Ok(true)
            })
        };
        Ok(self.0.run(end).await?)
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
        let end = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let ended = end_of(connection, owner, keep, reason)?;
                if !ended.is_empty() {
                    audit::store(connection, &event)?;
                }
                Ok(ended)
            })
        };
        Ok(self.0.run(end).await?.into_iter().map(|id| SessionId::from_uuid(id.0)).collect())
    }

    async fn list(&self, owner: UserId, request: PageRequest<SessionId>) -> Result<Page<SessionEntry>, ListError> {
        let owner = Id(owner.as_uuid());
        let find = move |connection: &mut PgConnection| {
            let live = || {
                sessions::table
                    .filter(sessions::user_id.eq(owner))
                    .filter(sessions::ended_at.is_null())
                    .filter(look_up::is_in_time())
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
        page(self.0.run(find).await, request.limit, SessionEntry::try_from)
    }
}
