//! A store that is nothing but memory, behind one lock: every method is atomic because it holds it.

mod api_keys;
mod audit;
mod conversations;
mod erasures;
mod exports;
mod journal;
mod leases;
mod records;
mod retention;
mod sessions;
mod signing_keys;
mod tickets;
mod usage;
mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::access::CredentialId;
use domain::audit::AuditEvent;
use domain::chat::{Fingerprint, NewTurn, PieceContent, Position, Transcript};
use domain::conversation::{Conversation, Turn, TurnState};
use domain::health::StoreHealth;
use domain::id::{ApiKeyId, AuditEventId, ConversationId, ExportId, ReplicaId, SessionId, TurnId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};
use domain::session::TokenHash;
use domain::signing::SigningKey;
use domain::user::{HashedPassword, User};

use api_keys::KeyRow;
use erasures::ErasureRow;
use exports::ExportRow;
use sessions::{SessionRow, TokenRow};
use usage::Counted;

#[derive(Default)]
pub(crate) struct MemoryStore {
    rows: Mutex<Rows>,
}

impl MemoryStore {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Rows {
    users: HashMap<UserId, (User, HashedPassword)>,
    sessions: HashMap<SessionId, SessionRow>,
    tokens: HashMap<TokenHash, TokenRow>,
    tickets: HashMap<TokenHash, (UserId, CredentialId, DateTime<Utc>)>,
    keys: HashMap<ApiKeyId, KeyRow>,
    events: BTreeMap<AuditEventId, AuditEvent>,
    erasures: HashMap<UserId, ErasureRow>,
    exports: HashMap<ExportId, ExportRow>,
    conversations: HashMap<ConversationId, Conversation>,
    turns: HashMap<TurnId, TurnRow>,
    claims: HashMap<(UserId, String), Claim>,
    leases: HashMap<ReplicaId, DateTime<Utc>>,
    counted: Counted,
    signing_keys: Vec<SigningKey>,
}

/// A turn and what only its writer needs to know.
struct TurnRow {
    asked: NewTurn,
    turn: Turn,
    pieces: BTreeMap<Position, PieceContent>,
    /// Whether its owner wants it to stop.
    is_unwanted: bool,
}

impl TurnRow {
    fn is_running(&self) -> bool {
        matches!(self.turn.state, TurnState::Running { .. })
    }

    /// The turn as it is read: while it runs, with its pieces.
    fn read(&self) -> Turn {
        let mut turn = self.turn.clone();
        if let TurnState::Running { response } = &mut turn.state {
            *response = self.text();
        }
        turn
    }

    fn text(&self) -> String {
        self.transcript().text().to_owned()
    }

    /// What its pieces say, up to the first gap.
    fn transcript(&self) -> Transcript {
        let mut transcript = Transcript::default();
        for (at, content) in &self.pieces {
            if !transcript.append(content.clone(), *at) {
                break;
            }
        }
        transcript
    }
}

struct Claim {
    turn: TurnId,
    fingerprint: Fingerprint,
    claimed_at: DateTime<Utc>,
}

/// The store's own clock. It goes on by a microsecond at a time, so that only leases and lifetimes of no time are ever
/// over.
fn now() -> DateTime<Utc> {
    static MICROSECONDS: AtomicI64 = AtomicI64::new(1_800_000_000_000_000);
    DateTime::from_timestamp_micros(MICROSECONDS.fetch_add(1, Ordering::Relaxed)).expect("a moment that chrono knows")
}

/// A page of the `rows` that are wanted; they need not be in order, and the cursor may be any of them.
fn page_of<T, Id: Copy + Eq, Key: Ord>(
    mut rows: Vec<T>,
    request: PageRequest<Id>,
    id: impl Fn(&T) -> Id,
    key: impl Fn(&T) -> Key,
    is_wanted: impl Fn(&T) -> bool,
) -> Result<Page<T>, ListError> {
    rows.sort_by_key(key);
    if request.order == Order::Descending {
        rows.reverse();
    }
    let start = match request.after {
        None => 0,
        Some(after) => 1 + rows.iter().position(|row| id(row) == after).ok_or(ListError::UnknownCursor)?,
    };
    let mut rest = rows.split_off(start);
    rest.retain(is_wanted);
    Ok(Page::from_one_more(rest, request.limit))
}

#[async_trait]
impl StoreHealth for MemoryStore {
    async fn check(&self) -> Result<(), Unexpected> {
        Ok(())
    }
}
