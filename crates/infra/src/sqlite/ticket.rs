use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::prelude::*;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::clock::Clock;
use domain::id::{ApiKeyId, SessionId};
use domain::session::{NewTicket, TicketRepository, TokenHash};

use super::schema::tickets;
use super::writer::Writer;
use crate::sql::values::{Id, Time};

/// Tickets in SQLite. The store's clock is that of the only server there is.
pub(super) struct Tickets {
    pub writer: Writer,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl TicketRepository for Tickets {
    async fn issue(&self, ticket: NewTicket) -> Result<(), Unexpected> {
        let lifetime = TimeDelta::from_std(ticket.lifetime).map_err(Unexpected::new)?;
        let (is_session, credential) = match ticket.credential {
            CredentialId::Session(id) => (true, Id(id.as_uuid())),
            CredentialId::ApiKey(id) => (false, Id(id.as_uuid())),
        };
        let expires = self.clock.now() + lifetime;
        let issue = move |connection: &mut SqliteConnection| {
            diesel::insert_into(tickets::table)
                .values((
                    tickets::hash.eq(ticket.hash.0.as_slice()),
                    tickets::user_id.eq(Id(ticket.user_id.as_uuid())),
                    tickets::is_session.eq(is_session),
                    tickets::credential_id.eq(credential),
                    tickets::expires_at.eq(Time(expires)),
                ))
                .on_conflict_do_nothing()
                .execute(connection)
        };
        self.writer.write(issue).await?;
        Ok(())
    }

    async fn redeem(&self, TokenHash(ticket): TokenHash) -> Result<Option<CredentialId>, Unexpected> {
        let now = Time(self.clock.now());
        let redeem = move |connection: &mut SqliteConnection| {
            let good = tickets::table.find(ticket.as_slice()).filter(tickets::expires_at.gt(now));
            let columns = (tickets::is_session, tickets::credential_id);
            let redeemed = good.select(columns).first::<(bool, Id)>(connection).optional()?;
            diesel::delete(good).execute(connection)?;
            Ok(redeemed)
        };
        Ok(self.writer.write(redeem).await?.map(|(is_session, Id(id))| {
            if is_session {
                CredentialId::Session(SessionId::from_uuid(id))
            } else {
                CredentialId::ApiKey(ApiKeyId::from_uuid(id))
            }
        }))
    }

    async fn purge(&self, limit: u32) -> Result<u32, Unexpected> {
        let now = Time(self.clock.now());
        let purge = move |connection: &mut SqliteConnection| {
            let over = tickets::table.filter(tickets::expires_at.le(now)).select(tickets::hash);
            let over: Vec<Vec<u8>> = over.limit(i64::from(limit)).load(connection)?;
            diesel::delete(tickets::table.filter(tickets::hash.eq_any(over))).execute(connection)
        };
        Ok(u32::try_from(self.writer.write(purge).await?).unwrap_or(u32::MAX))
    }
}
