use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{OpaqueTokens, TokenHash};
use crate::Unexpected;
use crate::access::{CredentialId, Principal};
use crate::id::UserId;

/// Stands for a credential, once and for a moment: for what can send no header.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// What it hashes to.
    pub hash: TokenHash,
    /// Whose it is.
    pub user_id: UserId,
    /// What it stands for.
    pub credential: CredentialId,
    /// How long it is good, by the store's clock.
    pub lifetime: Duration,
}

/// Port: tickets at rest.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TicketRepository: Send + Sync {
    /// Stores a ticket.
    async fn issue(&self, ticket: NewTicket) -> Result<(), Unexpected>;

    /// What the ticket stands for, if it is still good. It MUST be given to one caller only, however many come at once.
    async fn redeem(&self, ticket: TokenHash) -> Result<Option<CredentialId>, Unexpected>;

    /// Removes at most `limit` of the tickets whose time is over, and returns how many there were.
    async fn purge(&self, limit: u32) -> Result<u32, Unexpected>;
}

/// A ticket, and how long it is good.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The ticket as it is sent.
    pub ticket: SecretString,
    /// How long it can be used.
    pub expires_in: Duration,
}

/// Use case: getting a ticket for a WebSocket.
#[derive(Clone)]
pub struct TicketService {
    tickets: Arc<dyn TicketRepository>,
    opaque: Arc<dyn OpaqueTokens>,
}

impl TicketService {
    /// How long a ticket is good.
    pub const LIFETIME: Duration = Duration::from_secs(30);

    /// The use case over these ports.
    pub fn new(tickets: Arc<dyn TicketRepository>, opaque: Arc<dyn OpaqueTokens>) -> Self {
        Self { tickets, opaque }
    }

    /// A ticket that stands for the caller's credential.
    pub async fn issue(&self, caller: &Principal) -> Result<Ticket, Unexpected> {
        let ticket = self.opaque.generate()?;
        let hash = self.opaque.hash(secrecy::ExposeSecret::expose_secret(&ticket));
        let lifetime = Self::LIFETIME;
        let credential = caller.credential_id();
        self.tickets.issue(NewTicket { hash, user_id: caller.user_id, credential, lifetime }).await?;
        Ok(Ticket { ticket, expires_in: lifetime })
    }
}
