use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use domain::Unexpected;
use domain::clock::Clock;
use domain::id::SessionId;
use domain::session::{EndReason, NewSession, Session, SessionRepository};

use super::connection::Readers;
use super::schema::{sessions, users};
use super::writer::Writer;
use crate::sql::rows::SessionRow;
use crate::sql::values::{Id, Time};

/// Sessions in SQLite. The store's clock is that of the only server there is.
pub(super) struct Sessions {
    pub readers: Readers,
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl SessionRepository for Sessions {
    async fn open(&self, session: NewSession) -> Result<(), Unexpected> {
        let opened = self.clock.now();
        let expires = opened + TimeDelta::from_std(session.lifetime).map_err(Unexpected::new)?;
        let user_id = Id(session.user_id.as_uuid());
        let open = move |connection: &mut SqliteConnection| {
            diesel::insert_into(sessions::table)
                .values((
                    sessions::id.eq(Id(session.id.as_uuid())),
                    sessions::user_id.eq(user_id),
                    sessions::created_at.eq(Time(opened)),
                    sessions::expires_at.eq(Time(expires)),
                    sessions::ip.eq(session.client.ip.map(|ip| ip.to_string())),
                    sessions::user_agent.eq(session.client.user_agent.as_deref()),
                ))
                .execute(connection)?;
            diesel::update(users::table.find(user_id)).set(users::last_login.eq(Time(opened))).execute(connection)
        };
        self.writer.write(open).await?;
        Ok(())
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        let now = self.clock.now().timestamp_micros();
        let find = move |connection: &mut SqliteConnection| {
            sessions::table
                .inner_join(users::table)
                .filter(sessions::id.eq(Id(id.as_uuid())))
                .select((
                    sessions::id,
                    sessions::user_id,
                    sessions::expires_at,
                    sessions::ended_at,
                    sql::<Bool>("sessions.expires_at <= ").bind::<diesel::sql_types::BigInt, _>(now),
                    users::username,
                    users::role,
                    users::is_active,
                ))
                .first::<SessionRow>(connection)
                .optional()
        };
        self.readers.run(find).await?.map(Session::try_from).transpose().map_err(Unexpected::new)
    }

    async fn end(&self, id: SessionId, reason: EndReason) -> Result<(), Unexpected> {
        let ended = self.clock.now();
        let end = move |connection: &mut SqliteConnection| {
            diesel::update(sessions::table.find(Id(id.as_uuid())).filter(sessions::ended_at.is_null()))
                .set((sessions::ended_at.eq(Time(ended)), sessions::end_reason.eq(reason.as_str())))
                .execute(connection)
        };
        self.writer.write(end).await?;
        Ok(())
    }
}
