use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use domain::Unexpected;
use domain::id::SessionId;
use domain::session::{EndReason, NewSession, Session, SessionRepository};

use super::connection::PgPool;
use super::schema::{sessions, users};
use crate::sql::rows::SessionRow;
use crate::sql::values::Id;

/// Sessions in PostgreSQL, timed by its clock.
pub(super) struct Sessions(pub PgPool);

#[async_trait]
impl SessionRepository for Sessions {
    async fn open(&self, session: NewSession) -> Result<(), Unexpected> {
        let lifetime = TimeDelta::from_std(session.lifetime).map_err(Unexpected::new)?;
        let user_id = Id(session.user_id.as_uuid());
        let open = move |connection: &mut PgConnection| {
            connection.transaction(|connection| {
                let opened = diesel::insert_into(sessions::table)
                    .values((
                        sessions::id.eq(Id(session.id.as_uuid())),
                        sessions::user_id.eq(user_id),
                        sessions::expires_at.eq(now.into_sql::<Timestamptz>() + lifetime.into_sql::<Interval>()),
                        sessions::ip.eq(session.client.ip.map(|ip| ip.to_string())),
                        sessions::user_agent.eq(session.client.user_agent.as_deref()),
                    ))
                    .on_conflict_do_nothing()
                    .execute(connection)?;
                if opened == 1 {
                    let user = users::table.find(user_id);
                    diesel::update(user)
                        .set(users::last_login.eq(now.into_sql::<Timestamptz>().nullable()))
                        .execute(connection)?;
                }
                Ok(())
            })
        };
        Ok(self.0.run(open).await?)
    }

    async fn find(&self, id: SessionId) -> Result<Option<Session>, Unexpected> {
        let find = move |connection: &mut PgConnection| {
            sessions::table
                .inner_join(users::table)
                .filter(sessions::id.eq(Id(id.as_uuid())))
                .select((
                    sessions::id,
                    sessions::user_id,
                    sessions::expires_at,
                    sessions::ended_at,
                    sessions::expires_at.le(now),
                    users::username,
                    users::role,
                    users::is_active,
                ))
                .first::<SessionRow>(connection)
                .optional()
        };
        self.0.run(find).await?.map(Session::try_from).transpose().map_err(Unexpected::new)
    }

    async fn end(&self, id: SessionId, reason: EndReason) -> Result<(), Unexpected> {
        let end = move |connection: &mut PgConnection| {
            diesel::update(sessions::table.find(Id(id.as_uuid())).filter(sessions::ended_at.is_null()))
                .set((
                    sessions::ended_at.eq(now.into_sql::<Timestamptz>().nullable()),
                    sessions::end_reason.eq(reason.as_str()),
                ))
                .execute(connection)
        };
        self.0.run(end).await?;
        Ok(())
    }
}
