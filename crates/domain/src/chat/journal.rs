use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{ContextBudget, Outcome, PastTurn};
use crate::Unexpected;
use crate::conversation::{Metadata, ModelName, Question, SystemPrompt, TimeToLive, Turn, TurnKind, TurnState};
use crate::id::{ConversationId, ReplicaId, SessionId, TurnId, UserId};

/// The name a client gives a request, so that sending it twice does it once
/// (draft-ietf-httpapi-idempotency-key-header): 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text was no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The key as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidIdempotencyKey;

    fn try_from(key: String) -> Result<Self, InvalidIdempotencyKey> {
        if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(key))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }
}

/// SHA-256 over a request's method, path and body: what tells a repeated request from another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A request's key, and what tells it from others that use the same key. It holds for 24 hours, for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The key.
    pub key: IdempotencyKey,
    /// The request.
    pub fingerprint: Fingerprint,
}

impl IdempotencyClaim {
    /// How long a key holds, in hours.
    pub const HOURS: i64 = 24;

    /// The moment before which a claim must have been made for it to hold no longer at `now`.
    pub fn cutoff(now: DateTime<Utc>) -> DateTime<Utc> {
        now - chrono::TimeDelta::hours(Self::HOURS)
    }
}

/// Where a question is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationChoice {
    /// In the conversation of that id.
    Existing(ConversationId),
    /// Where the session's last turn was said, else in the user's most recent conversation that is neither
    /// expired nor archived, else in a new one of this id.
    Current {
        /// The id of the new one, should it be needed.
        or_new: ConversationId,
    },
}

/// A question that is to be accepted.
#[derive(Clone, Debug)]
pub struct NewTurn {
    /// The turn's id; accepting it twice accepts it once.
    pub id: TurnId,
    /// Who asks.
    pub user_id: UserId,
    /// The session it is asked in.
    pub session_id: Option<SessionId>,
    /// Where it is said.
    pub conversation: ConversationChoice,
    /// What is asked.
    pub question: Question,
    /// The model that shall answer, if one is named.
    pub model: Option<ModelName>,
    /// The asker's notes.
    pub metadata: Metadata,
    /// The process that will answer.
    pub replica: ReplicaId,
    /// When it is asked.
    pub entry_time: DateTime<Utc>,
    /// How long it is kept where the conversation says nothing.
    pub default_ttl: TimeToLive,
    /// How much of the conversation is wanted back.
    pub budget: ContextBudget,
    /// The client's key for the request, if it gave one.
    pub idempotency: Option<IdempotencyClaim>,
}

/// A question that has been stored, and everything needed to answer it.
#[derive(Clone, Debug)]
pub struct AcceptedTurn {
    /// The turn.
    pub id: TurnId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Its place there.
    pub seq: i64,
    /// The turn it follows.
    pub parent_turn_id: Option<TurnId>,
    /// When it expires.
    pub expiry_timestamp: DateTime<Utc>,
    /// The conversation's model.
    pub conversation_model: Option<ModelName>,
    /// The conversation's system prompt.
    pub system: Option<SystemPrompt>,
    /// Earlier turns with an answer that have not expired, newest first.
    pub context: Vec<PastTurn>,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub enum Acceptance {
    /// It is stored and its turn runs.
    Accepted(AcceptedTurn),
    /// Its key was used before by the same request, which has ended with this turn. Nothing was stored.
    Replayed(Box<Turn>),
}

/// Why a question was not accepted. Nothing was stored, unless it is [`AcceptError::Undecided`].
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The conversation does not exist, has expired, or is somebody else's.
    #[error("no such conversation")]
    ConversationNotFound,
    /// Another turn of the conversation is running.
    #[error("the conversation is busy with turn {running}")]
    ConversationBusy {
        /// That turn.
        running: TurnId,
    },
    /// The same request, by its key, is running.
    #[error("the request is in progress as turn {running}")]
    InProgress {
        /// That turn.
        running: TurnId,
    },
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The key was used for a turn that has been deleted.
    #[error("the idempotency key's turn has been deleted")]
    KeyGone,
    /// The store failed while it was at it: whether the question was stored is not known, and whoever asked
    /// must see to it that no turn is left running that nobody answers.
    #[error("undecided: {0}")]
    Undecided(Unexpected),
    /// The store failed before.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// A turn that has ended, to be stored.
#[derive(Clone, Debug)]
pub struct FinishedTurn {
    /// The turn.
    pub id: TurnId,
    /// The process that answered.
    pub replica: ReplicaId,
    /// How it ended; never `Running`.
    pub state: TurnState,
    /// The model that answered.
    pub model: Option<ModelName>,
    /// When it ended.
    pub completed_at: DateTime<Utc>,
}

/// What came of storing an ended turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is stored as it ended.
    Stored,
    /// It was no longer this process's to end: somebody else had closed it. Nothing was changed.
    Lost,
}

/// Port: the turn journal, through which questions are stored and answers end. What happens to a turn between the two, or
/// to one whose process died, is [`super::ReplicaLease`]'s.
///
/// An implementation MAY put concurrent calls into one statement and one commit; it MUST answer each only
/// after that commit, and a call that is refused MUST NOT spoil another.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TurnJournal: Send + Sync {
    /// Stores a question as a running turn with the next `seq` of its conversation, makes it the
    /// conversation's leaf, and claims its idempotency key, all or nothing.
    ///
    /// - Two turns of one conversation MUST NOT run at once: the later is [`AcceptError::ConversationBusy`].
    /// - A turn of the same id that this process already runs MUST be accepted again, its key included: the
    ///   acknowledgement was lost.
    /// - A key that was used in the last 24 hours by the same user MUST be settled before anything else: by
    ///   another request it is [`AcceptError::KeyReused`], by this one [`Acceptance::Replayed`] once that has
    ///   ended, [`AcceptError::InProgress`] while it runs, and [`AcceptError::KeyGone`] if its turn was deleted or
    ///   has expired.
    /// - Two first questions at once with [`ConversationChoice::Current`] make one conversation, not two.
    /// - The context MUST have the turn before this one, if that has an answer, even if it ended just now.
    /// - Failed and expired turns take no place in the context. An implementation MAY stop looking
    ///   after [`NewTurn::look_back`] turns, and before a turn with which the budget's tokens would not do, so that
    ///   the cost is bounded.
    async fn accept(&self, turn: NewTurn) -> Result<Acceptance, AcceptError>;

    /// Stores how a turn ended, counts what it took (see [`crate::usage::UsageRepository`]), removes its pieces and, if it failed or was cancelled before there was any output, releases
    /// its idempotency key: all or nothing. A turn that does not run, or runs elsewhere, MUST be left alone and reported
    /// [`Settlement::Lost`]; storing the same end twice is [`Settlement::Stored`] both times.
    async fn finish(&self, turn: FinishedTurn) -> Result<Settlement, Unexpected>;
}

impl NewTurn {
    /// How many turns back a store has to look for the context at most: those without an answer count here.
    pub fn look_back(&self) -> u32 {
        4 * u32::from(self.budget.max_turns)
    }

    /// The turn as it is once it has ended, without another look at the store.
    pub fn into_turn(self, accepted: &AcceptedTurn, completed_at: DateTime<Utc>, outcome: &Outcome) -> Turn {
        Turn {
            id: self.id,
            conversation_id: accepted.conversation_id,
            user_id: self.user_id,
            session_id: self.session_id,
            seq: accepted.seq,
            parent_turn_id: accepted.parent_turn_id,
            kind: TurnKind::Answered,
            request_question: self.question,
            model: outcome.model.clone(),
            metadata: self.metadata,
            entry_time: self.entry_time,
            completed_at: Some(completed_at),
            expiry_timestamp: accepted.expiry_timestamp,
            state: outcome.state.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii() {
        let key = |text: &str| IdempotencyKey::try_from(text.to_owned());
        assert!(key("8e03978e-40d5-43dd-bc93-6894a57f9324").is_ok());
        assert!(key(&"k".repeat(255)).is_ok());
        for bad in ["", "a b", "ä", "a\n", &"k".repeat(256)] {
            assert_eq!(key(bad), Err(InvalidIdempotencyKey), "{bad:?}");
        }
    }
}
