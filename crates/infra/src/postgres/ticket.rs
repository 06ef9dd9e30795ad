use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Interval, Timestamptz};
use domain::Unexpected;
use domain::access::CredentialId;
use domain::id::{ApiKeyId, SessionId};
use domain::session::{NewTicket, TicketRepository, TokenHash};

use super::connection::PgPool;
use super::schema::tickets;
use crate::sql::values::Id;

/// Tickets in PostgreSQL, timed by its clock.
pub(super) struct Tickets(pub PgPool);

#[async_trait]
impl TicketRepository for Tickets {
    async fn issue(&self, ticket: NewTicket) -> Result<(), Unexpected> {
        let lifetime = TimeDelta::from_std(ticket.lifetime).map_err(Unexpected::new)?;
        let (is_session, credential) = match ticket.credential {
            CredentialId::Session(id) => (true, Id(id.as_uuid())),
            CredentialId::ApiKey(id) => (false, Id(id.as_uuid())),
        };
        let issue = move |connection: &mut PgConnection| {
            diesel::insert_into(tickets::table)
                .values((
                    tickets::hash.eq(ticket.hash.0.as_slice()),
                    tickets::user_id.eq(Id(ticket.user_id.as_uuid())),
                    tickets::is_session.eq(is_session),
                    tickets::credential_id.eq(credential),
                    tickets::expires_at.eq(now.into_sql::<Timestamptz>() + lifetime.into_sql::<Interval>()),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
        };
        self.0.run(issue).await?;
        Ok(())
    }

    async fn redeem(&self, TokenHash(ticket): TokenHash) -> Result<Option<CredentialId>, Unexpected> {
        let redeem = move |connection: &mut PgConnection| {
            diesel::delete(tickets::table.find(ticket.as_slice()).filter(tickets::expires_at.gt(now)))
                .returning((tickets::is_session, tickets::credential_id))
                .get_result::<(bool, Id)>(connection)
                .optional()
        };
        Ok(self.0.run(redeem).await?.map(|(is_session, Id(id))| {
            if is_session {
                CredentialId::Session(SessionId::from_uuid(id))
            } else {
                CredentialId::ApiKey(ApiKeyId::from_uuid(id))
            }
        }))
    }

    async fn purge(&self, limit: u32) -> Result<u32, Unexpected> {
        let purge = move |connection: &mut PgConnection| {
            let over = tickets::table.filter(tickets::expires_at.le(now)).select(tickets::hash);
            let over: Vec<Vec<u8>> = over.limit(i64::from(limit)).load(connection)?;
            diesel::delete(tickets::table.filter(tickets::hash.eq_any(over))).execute(connection)
        };
        Ok(u32::try_from(self.0.run(purge).await?).unwrap_or(u32::MAX))
    }
}
