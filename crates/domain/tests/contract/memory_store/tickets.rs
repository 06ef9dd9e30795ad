use async_trait::async_trait;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::session::{NewTicket, TicketRepository, TokenHash};

use super::{MemoryStore, now};

#[async_trait]
impl TicketRepository for MemoryStore {
    async fn issue(&self, ticket: NewTicket) -> Result<(), Unexpected> {
        let row = (ticket.user_id, ticket.credential, now() + ticket.lifetime);
        self.rows().tickets.insert(ticket.hash, row);
        Ok(())
    }

    async fn redeem(&self, ticket: TokenHash) -> Result<Option<CredentialId>, Unexpected> {
        let mut rows = self.rows();
        let is_good = rows.tickets.get(&ticket).is_some_and(|(_, _, expires_at)| *expires_at > now());
        Ok(is_good.then(|| rows.tickets.remove(&ticket)).flatten().map(|(_, credential, _)| credential))
    }

    async fn purge(&self, limit: u32) -> Result<u32, Unexpected> {
        let mut rows = self.rows();
        let mut removed = 0;
        rows.tickets.retain(|_, (_, _, expires_at)| {
            let goes = removed < limit && *expires_at <= now();
            removed += u32::from(goes);
            !goes
        });
        Ok(removed)
    }
}
