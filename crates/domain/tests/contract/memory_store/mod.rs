//! A store that is nothing but memory, behind one lock: every method is atomic because it holds it.

mod accounts;
mod conversations;
mod journal;
mod leases;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::chat::{Fingerprint, NewTurn, PieceContent, Position, Transcript};
use domain::conversation::{Conversation, Turn, TurnState};
use domain::health::StoreHealth;
use domain::id::{ConversationId, ReplicaId, SessionId, TurnId, UserId};
use domain::page::{ListError, Order, Page, PageRequest};
use domain::session::{NewSession, SessionState};
use domain::user::{HashedPassword, User};

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
    sessions: HashMap<SessionId, (NewSession, SessionState)>,
    conversations: HashMap<ConversationId, Conversation>,
    turns: HashMap<TurnId, TurnRow>,
    claims: HashMap<(UserId, String), Claim>,
    leases: HashMap<ReplicaId, DateTime<Utc>>,
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

/// The store's own clock. It stands still, so that only leases and lifetimes of no time are ever over.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a moment that chrono knows")
}

/// A page of `rows`, which need not be in order.
fn page_of<T, Id: Copy + Eq, Key: Ord>(
    mut rows: Vec<T>,
    request: PageRequest<Id>,
    id: impl Fn(&T) -> Id,
    key: impl Fn(&T) -> Key,
) -> Result<Page<T>, ListError> {
    rows.sort_by_key(key);
    if request.order == Order::Descending {
        rows.reverse();
    }
    let start = match request.after {
        None => 0,
        Some(after) => 1 + rows.iter().position(|row| id(row) == after).ok_or(ListError::UnknownCursor)?,
    };
    Ok(Page::from_one_more(rows.split_off(start), request.limit))
}

#[async_trait]
impl StoreHealth for MemoryStore {
    async fn check(&self) -> Result<(), Unexpected> {
        Ok(())
    }
}
