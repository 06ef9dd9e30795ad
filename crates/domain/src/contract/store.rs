use std::sync::Arc;

use crate::api_key::ApiKeyRepository;
use crate::audit::AuditLog;
use crate::chat::{ReplicaLease, TurnJournal};
use crate::conversation::{ConversationRepository, TurnRepository};
use crate::erasure::ErasureRepository;
use crate::export::{ExportRepository, RecordRepository};
use crate::health::StoreHealth;
use crate::housekeeping::RetentionRepository;
use crate::session::{SessionRepository, TicketRepository};
use crate::signing::SigningKeyRepository;
use crate::usage::UsageRepository;
use crate::user::UserRepository;

/// The ports of one store under test.
#[derive(Clone)]
pub struct StoreUnderTest {
    /// Its accounts.
    pub users: Arc<dyn UserRepository>,
    /// Its sessions.
    pub sessions: Arc<dyn SessionRepository>,
    /// Its tickets.
    pub tickets: Arc<dyn TicketRepository>,
    /// Its API keys.
    pub keys: Arc<dyn ApiKeyRepository>,
    /// Its audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Its accounts that are being deleted.
    pub erasures: Arc<dyn ErasureRepository>,
    /// Its exports.
    pub exports: Arc<dyn ExportRepository>,
    /// Everything about somebody.
    pub records: Arc<dyn RecordRepository>,
    /// Its credentials that are long over.
    pub retention: Arc<dyn RetentionRepository>,
    /// Its conversations.
    pub conversations: Arc<dyn ConversationRepository>,
    /// Its turns, for reading.
    pub turns: Arc<dyn TurnRepository>,
    /// Its turns, for writing.
    pub journal: Arc<dyn TurnJournal>,
    /// Its leases.
    pub leases: Arc<dyn ReplicaLease>,
    /// What its turns took.
    pub usage: Arc<dyn UsageRepository>,
    /// Its signing keys.
    pub signing_keys: Arc<dyn SigningKeyRepository>,
    /// Its health.
    pub health: Arc<dyn StoreHealth>,
}
