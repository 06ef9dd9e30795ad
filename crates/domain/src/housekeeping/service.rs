use std::sync::Arc;
use std::time::Duration;

use super::RetentionRepository;
use crate::Unexpected;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::erasure::ErasureService;
use crate::export::ExportRepository;
use crate::session::TicketRepository;

/// Something that has to be done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Removing tickets whose time is over.
    Tickets,
    /// Removing sessions that are long over.
    Sessions,
    /// Removing API keys that are long over.
    ApiKeys,
    /// Removing exports whose time is over.
    Exports,
    /// Forgetting where old events came from.
    Clients,
    /// Going on with the deletion of accounts where nobody does.
    Erasures,
}

impl Chore {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Tickets, Self::Sessions, Self::ApiKeys, Self::Exports, Self::Clients, Self::Erasures];

    /// What it is called in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Sessions => "sessions",
            Self::ApiKeys => "api_keys",
            Self::Exports => "exports",
            Self::Clients => "clients",
            Self::Erasures => "erasures",
        }
    }

    /// How many rows go in one transaction. Pieces of exports are large, and accounts larger.
    const fn batch(self) -> u32 {
        match self {
            Self::Tickets | Self::Sessions | Self::ApiKeys | Self::Clients => 500,
            Self::Exports => 32,
            Self::Erasures => 4,
        }
    }
}

/// What housekeeping needs.
#[derive(Clone)]
pub struct HousekeepingPorts {
    /// Tickets.
    pub tickets: Arc<dyn TicketRepository>,
    /// Sessions and keys.
    pub retention: Arc<dyn RetentionRepository>,
    /// Exports.
    pub exports: Arc<dyn ExportRepository>,
    /// The audit log.
    pub log: Arc<dyn AuditLog>,
    /// Accounts that are being deleted.
    pub erasure: ErasureService,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Use case: doing what nobody asks for.
#[derive(Clone)]
pub struct HousekeepingService {
    ports: HousekeepingPorts,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many batches of a kind go at a time, so that no kind keeps another waiting.
const BATCHES: u32 = 20;

impl HousekeepingService {
    /// How long a session is kept after its end.
    pub const SESSIONS_KEPT: Duration = DAY.saturating_mul(30);
    /// How long an API key is kept after its end.
    pub const KEYS_KEPT: Duration = DAY.saturating_mul(90);
    /// How long it is known where an event came from.
    pub const CLIENTS_KEPT: Duration = DAY.saturating_mul(90);

    /// The use case over these ports.
    pub fn new(ports: HousekeepingPorts) -> Self {
        Self { ports }
    }

    /// Does some of it, batch by batch until one is not full, or it is enough for now; returns how many rows went or were
    /// changed, or, of accounts, how many are gone.
    pub async fn see_to(&self, chore: Chore) -> Result<u64, Unexpected> {
        let mut done = 0;
        for _ in 0..BATCHES {
            let went = self.batch(chore).await?;
            done += u64::from(went);
            if went < chore.batch() {
                break;
            }
        }
        Ok(done)
    }

    async fn batch(&self, chore: Chore) -> Result<u32, Unexpected> {
        let HousekeepingPorts { tickets, retention, exports, log, erasure, clock } = &self.ports;
        let limit = chore.batch();
        match chore {
            Chore::Tickets => tickets.purge(limit).await,
            Chore::Sessions => retention.purge_sessions(Self::SESSIONS_KEPT, limit).await,
            Chore::ApiKeys => retention.purge_api_keys(Self::KEYS_KEPT, limit).await,
            Chore::Exports => exports.purge(limit).await,
            Chore::Clients => log.forget_clients(clock.now() - Self::CLIENTS_KEPT, limit).await,
            Chore::Erasures => erasure.finish_abandoned(limit).await,
        }
    }
}
