use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::lock::{Mutex, MutexGuard};
use uuid::Uuid;

use super::StoreUnderTest;
pub(super) use super::identities::*;
use crate::chat::{
    AcceptError, Acceptance, AcceptedTurn, Beat, ContextBudget, ConversationChoice, Fingerprint, FinishedTurn,
    IdempotencyClaim, NewTurn, News, Outcome, Piece, PieceContent, Position, Settlement, Transcript,
};
use crate::conversation::{Answer, Metadata, ModelName, NewConversation, TimeToLive, Turn, TurnState, Usage};
use crate::id::{ConversationId, ReplicaId, SessionId, TurnId, UserId};
use crate::page::{Limit, Order, PageRequest};
use crate::user::{HashedPassword, NewUser, Role};

/// Text that a store may stumble over: quotes, place-holders, escapes, controls, every plane of Unicode. Neither
/// end of it may be trimmed, and nothing in it may be normalised.
pub(super) const HARD_TEXT: &str = " \t'; DROP TABLE turns; -- \"x\" \\ \\u0000 \\x00 $1 ?1 :a %s {} {{0}} \u{feff}\u{1}\u{7f}\u{85}\r\n\r\
    e\u{301} \u{e9} \u{df} \u{130} \u{202e}rtl\u{202c} \u{200d}\u{2028}\u{d7ff}\u{e000}\u{fffd}\u{ffff} \
    👩\u{200d}👩\u{200d}👧 🏳\u{fe0f}\u{200d}🌈 𝕊 𠜎 \u{10ffff} <script>&amp;</script> {\"a\": [1, null]} NULL \n";

/// How long turns are kept in these cases, where a case does not say otherwise.
pub(super) const DEFAULT_TTL_SECONDS: u64 = 30 * 24 * 60 * 60;

pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);

/// `seconds` after the moment at which every case begins. It has microseconds, which a store has to keep.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    let start = DateTime::from_timestamp_micros(1_700_000_000_123_457).expect("a moment that chrono knows");
    start + TimeDelta::seconds(seconds)
}

/// A moment that no other case, and no earlier run, has used.
pub(super) fn moment_of_its_own() -> DateTime<Utc> {
    let random = i64::try_from(random() % 500_000_000).expect("a small number");
    DateTime::from_timestamp(1_000_000_000 + random, 654_321_000).expect("a moment that chrono knows")
}

/// An identifier that neither this process nor another will make again.
pub(super) fn new_id() -> Uuid {
    new_id_at(at(0))
}

/// The same, made at that moment.
pub(super) fn new_id_at(moment: DateTime<Utc>) -> Uuid {
    static PROCESS: LazyLock<[u8; 8]> = LazyLock::new(|| random().to_be_bytes());
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut bytes = [0; 10];
    let (process, count) = bytes.split_at_mut(6);
    process.copy_from_slice(&PROCESS[..6]);
    count.copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let millis = u64::try_from(moment.timestamp_millis()).expect("a moment after 1970");
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

fn random() -> u64 {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    KEYS.get_or_init(RandomState::new).hash_one(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Held by a case that reaps, so that no other does meanwhile.
pub(super) async fn the_only_reaper() -> MutexGuard<'static, ()> {
    static REAPING: Mutex<()> = Mutex::new(());
    REAPING.lock().await
}

/// Held by a case in which there are administrators, so that no other looks for the last one meanwhile.
pub(super) async fn the_only_admins() -> MutexGuard<'static, ()> {
    static ADMINS: Mutex<()> = Mutex::new(());
    ADMINS.lock().await
}

/// A domain type out of a text that is valid for it.
pub(super) fn valid<T>(text: impl Into<String>) -> T
where
    T: TryFrom<String, Error: Debug>,
{
    T::try_from(text.into()).expect("a valid text")
}

pub(super) fn ttl(seconds: u64) -> TimeToLive {
    TimeToLive::try_from(seconds).expect("a valid time to live")
}

pub(super) fn page<Id>(limit: u64, after: Option<Id>, order: Order) -> PageRequest<Id> {
    PageRequest { limit: Limit::try_from(limit).expect("a valid limit"), after, order }
}

pub(super) fn new_user() -> NewUser {
    new_user_at(at(0))
}

pub(super) fn new_user_at(moment: DateTime<Utc>) -> NewUser {
    let id = new_id_at(moment);
    NewUser {
        id: UserId::from_uuid(id),
        username: valid(format!("Ada-{}", id.simple())),
        email: valid(format!("ada-{}@example.org", id.simple())),
        hashed_password: HashedPassword::new(format!("$argon2id$v=19$m=19456,t=2,p=1${}$hash", id.simple())),
        role: Role::User,
        account_created: moment,
    }
}

pub(super) fn new_conversation(owner: UserId, created_at: DateTime<Utc>) -> NewConversation {
    NewConversation {
        id: ConversationId::from_uuid(new_id()),
        user_id: owner,
        title: None,
        model: None,
        system: None,
        metadata: Metadata::default(),
        ttl: None,
        created_at,
        expiry_timestamp: ttl(DEFAULT_TTL_SECONDS).after(created_at),
    }
}

fn notes() -> Metadata {
    let pairs = [("thema".to_owned(), "{\"§\": 'ä'} %s \\ $1".to_owned())];
    Metadata::try_from(std::collections::BTreeMap::from(pairs)).expect("valid metadata")
}

pub(super) fn piece(turn_id: TurnId, offset: usize, text: &str) -> Piece {
    Piece { turn_id, at: Position { parts: 0, offset }, content: PieceContent::Text(text.to_owned()) }
}

pub(super) fn answer(response: &str) -> Answer {
    let usage = Usage { input_tokens: 11, output_tokens: 7 };
    Answer { response: response.to_owned(), parts: None, image_url: None, usage }
}

pub(super) fn completed(response: &str) -> TurnState {
    TurnState::Completed(answer(response))
}

pub(super) fn claim(key: &str, request: u8) -> IdempotencyClaim {
    IdempotencyClaim { key: valid(key), fingerprint: Fingerprint([request; 32]) }
}

/// The accepted turn as a reader should find it while it runs.
pub(super) fn as_running(question: &NewTurn, accepted: &AcceptedTurn, response: &str) -> Turn {
    let state = TurnState::Running { response: response.to_owned() };
    let outcome = outcome(state, question.model.clone());
    Turn { completed_at: None, ..question.clone().into_turn(accepted, question.entry_time, &outcome) }
}

/// The accepted turn as a reader should find it once it has ended.
pub(super) fn as_ended(question: &NewTurn, accepted: &AcceptedTurn, end: &FinishedTurn) -> Turn {
    let outcome = outcome(end.state.clone(), end.model.clone());
    question.clone().into_turn(accepted, end.completed_at, &outcome)
}

fn outcome(state: TurnState, model: Option<ModelName>) -> Outcome {
    Outcome { state, told: Transcript::default(), model, retry_after: None }
}

/// The one that was accepted and the errors of the rest; panics unless exactly one was.
pub(super) fn the_only_accepted(results: Vec<Result<Acceptance, AcceptError>>) -> (AcceptedTurn, Vec<AcceptError>) {
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(Acceptance::Accepted(turn)) => accepted.push(turn),
            Ok(Acceptance::Replayed(turn)) => panic!("replayed a turn that cannot have ended: {turn:?}"),
            Err(error) => refused.push(error),
        }
    }
    assert_eq!(accepted.len(), 1, "exactly one should be accepted; the others: {refused:?}");
    (accepted.remove(0), refused)
}

/// Somebody who asks: a user with a live session, served by a process that holds a lease.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) store: StoreUnderTest,
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) replica: ReplicaId,
}

impl Asker {
    pub(super) async fn new(store: &StoreUnderTest) -> Self {
        let asker = Self::on_dead_replica(store).await;
        asker.renew(HOUR).await;
        asker
    }

    /// The same, but the process has never held a lease: only for cases that are [`the_only_reaper`].
    pub(super) async fn on_dead_replica(store: &StoreUnderTest) -> Self {
        let user = create_user(store).await;
        let session = open_session(store, user.id, HOUR).await;
        Self { store: store.clone(), user: user.id, session, replica: ReplicaId::from_uuid(new_id()) }
    }

    /// The same user after another login.
    pub(super) async fn in_another_session(&self) -> Self {
        Self { session: open_session(&self.store, self.user, HOUR).await, ..self.clone() }
    }

    /// A new conversation that was made at the start.
    pub(super) async fn conversation(&self) -> ConversationId {
        let conversation = new_conversation(self.user, at(0));
        self.create(conversation.clone()).await;
        conversation.id
    }

    pub(super) async fn create(&self, conversation: NewConversation) {
        self.store.conversations.create(conversation).await.expect("a conversation can be created");
    }

    /// A question in that conversation.
    pub(super) fn ask(&self, conversation: ConversationId, seconds: i64) -> NewTurn {
        self.ask_where(ConversationChoice::Existing(conversation), seconds)
    }

    /// A question that names no conversation.
    pub(super) fn ask_on(&self, seconds: i64) -> NewTurn {
        self.ask_where(ConversationChoice::Current { or_new: ConversationId::from_uuid(new_id()) }, seconds)
    }

    fn ask_where(&self, conversation: ConversationChoice, seconds: i64) -> NewTurn {
        let id = TurnId::from_uuid(new_id());
        NewTurn {
            id,
            user_id: self.user,
            session_id: Some(self.session),
            conversation,
            question: valid(format!("What is {id}?")),
            model: None,
            metadata: notes(),
            replica: self.replica,
            entry_time: at(seconds),
            default_ttl: ttl(DEFAULT_TTL_SECONDS),
            budget: ContextBudget { max_turns: 20, max_tokens: u32::MAX },
            idempotency: None,
        }
    }

    pub(super) async fn accept(&self, question: &NewTurn) -> AcceptedTurn {
        match self.store.journal.accept(question.clone()).await {
            Ok(Acceptance::Accepted(turn)) => turn,
            other => panic!("the question should be accepted, but: {other:?}"),
        }
    }

    pub(super) async fn refused(&self, question: &NewTurn) -> AcceptError {
        match self.store.journal.accept(question.clone()).await {
            Err(error) => error,
            other => panic!("the question should be refused, but: {other:?}"),
        }
    }

    pub(super) async fn replayed(&self, question: &NewTurn) -> Turn {
        match self.store.journal.accept(question.clone()).await {
            Ok(Acceptance::Replayed(turn)) => *turn,
            other => panic!("the turn should be replayed, but: {other:?}"),
        }
    }

    pub(super) fn end(&self, id: TurnId, state: TurnState, seconds: i64) -> FinishedTurn {
        FinishedTurn { id, replica: self.replica, state, model: None, completed_at: at(seconds) }
    }

    pub(super) async fn settle(&self, end: &FinishedTurn) -> Settlement {
        self.store.journal.finish(end.clone()).await.expect("an end can be stored, or is lost")
    }

    pub(super) async fn finish(&self, id: TurnId, state: TurnState, seconds: i64) {
        let settlement = self.settle(&self.end(id, state, seconds)).await;
        assert_eq!(settlement, Settlement::Stored, "the end of a turn that runs here should be stored");
    }

    /// Asks and has it answered a moment later.
    pub(super) async fn say(
        &self,
        conversation: ConversationId,
        question: &str,
        response: &str,
        seconds: i64,
    ) -> TurnId {
        let turn = NewTurn { question: valid(question), ..self.ask(conversation, seconds) };
        self.accept(&turn).await;
        self.finish(turn.id, completed(response), seconds).await;
        turn.id
    }

    /// A beat of the asker's process that has nothing to say.
    pub(super) fn beat(&self) -> Beat {
        let (pieces, credentials, followed) = (Vec::new(), Vec::new(), Vec::new());
        Beat { replica: self.replica, lease: None, pieces, credentials, followed }
    }

    pub(super) async fn tell(&self, beat: Beat) -> News {
        self.store.leases.beat(beat).await.expect("a process can tell and ask the store")
    }

    pub(super) async fn renew(&self, lease: Duration) {
        self.tell(Beat { lease: Some(lease), ..self.beat() }).await;
    }

    pub(super) async fn append(&self, turn_id: TurnId, offset: usize, text: &str) {
        let piece = piece(turn_id, offset, text);
        self.tell(Beat { pieces: vec![piece], ..self.beat() }).await;
    }

    pub(super) async fn find(&self, id: TurnId, seconds: i64) -> Option<Turn> {
        self.store.turns.find(self.user, id, at(seconds)).await.expect("turns can be looked up")
    }

    pub(super) async fn turn(&self, id: TurnId, seconds: i64) -> Turn {
        self.find(id, seconds).await.expect("the turn should be found")
    }

    /// How many turns the conversation has.
    pub(super) async fn count(&self, conversation: ConversationId, seconds: i64) -> usize {
        let all = page(100, None, Order::Ascending);
        let turns = self.store.turns.list(self.user, conversation, all, at(seconds)).await;
        turns.expect("turns can be listed").items.len()
    }
}
