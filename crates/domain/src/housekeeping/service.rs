use std::sync::Arc;
use std::time::Duration;

use super::RetentionRepository;
use crate::Unexpected;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::erasure::ErasureService;
use crate::export::ExportRepository;
use crate::session::TicketRepository;

/// What there is to do, and how much of it was done.
#[derive(Debug)]
pub struct Chore {
    /// What it is called in the log.
    pub name: &'static str,
    /// How many rows went or were changed; accounts, where accounts go.
    pub done: Result<u64, Unexpected>,
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
/// How many rows go in one transaction.
const BATCH: u32 = 500;
/// Pieces of exports are large.
const CHUNKS: u32 = 32;
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

    /// Does some of all that there is to do, and says what. No failure keeps anything else from being done.
    pub async fn tidy(&self) -> Vec<Chore> {
        let HousekeepingPorts { tickets, retention, exports, log, erasure, clock } = &self.ports;
        let forgotten = clock.now() - Self::CLIENTS_KEPT;
        vec![
            Chore { name: "expired tickets", done: in_batches(BATCH, async || tickets.purge(BATCH).await).await },
            Chore {
                name: "sessions that are long over",
                done: in_batches(BATCH, async || retention.purge_sessions(Self::SESSIONS_KEPT, BATCH).await).await,
            },
            Chore {
                name: "API keys that are long over",
                done: in_batches(BATCH, async || retention.purge_api_keys(Self::KEYS_KEPT, BATCH).await).await,
            },
            Chore { name: "expired exports", done: in_batches(CHUNKS, async || exports.purge(CHUNKS).await).await },
            Chore {
                name: "addresses of old events",
                done: in_batches(BATCH, async || log.forget_clients(forgotten, BATCH).await).await,
            },
            Chore { name: "accounts that are being deleted", done: erasure.finish_abandoned(BATCHES).await },
        ]
    }
}

/// Batch by batch until one is not full, or it is enough for now.
async fn in_batches(size: u32, batch: impl AsyncFn() -> Result<u32, Unexpected>) -> Result<u64, Unexpected> {
    let mut done = 0;
    for _ in 0..BATCHES {
        let went = batch().await?;
        done += u64::from(went);
        if went < size {
            break;
        }
    }
    Ok(done)
}
