//! The limits as the use cases apply them, over mocked ports.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what every test shares is no test by itself")]

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::access::{Credential, Principal};
use domain::audit::{AuditTrail, MockAuditLog, Origin};
use domain::chat::{
    Ask, AskError, ChatPolicy, ChatService, ContextBudget, Finished, MockChatEngine, MockLiveTurns, MockTurnRunner,
    Position, ReadError, ReadingService, RunningTurn, Started, TurnEvents, TurnReader,
};
use domain::clock::{Clock, MockClock};
use domain::conversation::{Failure, Metadata, MockTurnRepository, TimeToLive, Turn, TurnKind, TurnState};
use domain::id::{ConversationId, IdGenerator, MockIdGenerator, ReplicaId, SessionId, TurnId, UserId};
use domain::session::{
    AccessToken, Client, ConfirmError, ConfirmationService, Credentials, Lifetimes, LoginError, LoginPorts,
    LoginService, MockOpaqueTokens, MockSessionRepository, MockTokenIssuer, SessionPolicy, TokenHash,
};
use domain::throttle::{
    AccountKey, Counted, Decision, Failures, Limit, LoginGate, LoginThrottle, MockLoginThrottle, MockRateLimiter,
    Quota, StreamLimiter, StreamPermit, TooManyStreams, TurnLimits, Unlimited,
};
use domain::user::{
    HashError, HashedPassword, MockPasswordHasher, MockUserRepository, NewAccount, RegisterError, RegistrationService,
    Role, User, Verification,
};
use futures_core::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

const PASSWORD: &str = "a quiet secret";
const SECOND: Duration = Duration::from_secs(1);
const LIFETIMES: Lifetimes = Lifetimes { idle: SECOND, absolute: SECOND };
const POLICY: SessionPolicy = SessionPolicy { user: LIFETIMES, admin: LIFETIMES };

fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn clock() -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(moment);
    Arc::new(clock)
}

/// Identifiers that count from 1.
fn ids() -> Arc<dyn IdGenerator> {
    let mut ids = MockIdGenerator::new();
    let count = AtomicU64::new(1);
    ids.expect_next().returning(move || Uuid::from_u64_pair(0, count.fetch_add(1, Ordering::Relaxed)));
    Arc::new(ids)
}

fn valid<T: TryFrom<String, Error: Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap()
}

fn ttl() -> TimeToLive {
    TimeToLive::try_from(3_600).unwrap()
}

fn ada() -> User {
    User {
        id: UserId::from_uuid(Uuid::from_u128(100)),
        username: valid("Ada"),
        email: valid("ada@example.org"),
        role: Role::User,
        is_active: true,
        account_created: moment(),
        last_login: None,
    }
}

fn caller() -> Principal {
    let User { id, username, role, .. } = ada();
    let session = Credential::Session { id: SessionId::from_uuid(Uuid::from_u128(200)), is_fresh: false };
    Principal { user_id: id, username, role, credential: session }
}

fn audit() -> AuditTrail {
    audit_that(|| Ok(()))
}

fn audit_that(records: fn() -> Result<(), Unexpected>) -> AuditTrail {
    let mut log = MockAuditLog::new();
    log.expect_record().returning(move |_| records());
    AuditTrail::new(Arc::new(log), clock(), ids())
}

/// A throttle whose clock stands still until it is moved.
#[derive(Default)]
struct Throttle {
    failures: Mutex<HashMap<AccountKey, Failures>>,
    passed: Mutex<Duration>,
}

impl Throttle {
    fn now(&self) -> DateTime<Utc> {
        moment() + *self.passed.lock().unwrap()
    }

    fn wait(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }
}

#[async_trait]
impl LoginThrottle for Throttle {
    async fn charge(&self, account: &AccountKey) -> Result<(), Duration> {
        let mut failures = self.failures.lock().unwrap();
        let charged = Failures::charge(failures.get(account).copied(), self.now())?;
        failures.insert(account.clone(), charged);
        Ok(())
    }

    async fn discharge(&self, account: &AccountKey) {
        let mut failures = self.failures.lock().unwrap();
        if let Some(left) = failures.remove(account).and_then(Failures::discharge) {
            failures.insert(account.clone(), left);
        }
    }

    async fn forget(&self, account: &AccountKey) {
        self.failures.lock().unwrap().remove(account);
    }
}

/// Ada is the only user.
fn users() -> MockUserRepository {
    let mut users = MockUserRepository::new();
    users
        .expect_find_for_login()
        .returning(|name| Ok((name.canonical() == "ada").then(|| (ada(), HashedPassword::new("$hash")))));
    users
}

/// Ada's password is [`PASSWORD`], and comparing it fails for `!`.
fn hasher() -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_verify().returning(|attempt, hash| match attempt.expose_secret() {
        "!" => Err(HashError::Overloaded),
        PASSWORD if hash.is_some() => Ok(Verification::Match),
        _ => Ok(Verification::Mismatch),
    });
    hasher
}

fn login_ports(users: MockUserRepository, hasher: MockPasswordHasher) -> LoginPorts {
    let mut tokens = MockTokenIssuer::new();
    tokens.expect_issue().returning(|_| Ok(AccessToken { token: "token".into(), expires_in: SECOND }));
    let mut sessions = MockSessionRepository::new();
    sessions.expect_open().returning(|_, _| Ok(()));
    let mut opaque = MockOpaqueTokens::new();
    opaque.expect_generate().returning(|| Ok("opaque".into()));
    opaque.expect_hash().returning(|_| TokenHash([0; 32]));
    LoginPorts {
        users: Arc::new(users),
        sessions: Arc::new(sessions),
        hasher: Arc::new(hasher),
        tokens: Arc::new(tokens),
        opaque: Arc::new(opaque),
        ids: ids(),
        audit: audit(),
    }
}

fn gate(throttle: &Arc<Throttle>) -> LoginGate {
    LoginGate::new(Arc::new(Unlimited), throttle.clone())
}

fn logins(throttle: &Arc<Throttle>) -> LoginService {
    LoginService::new(login_ports(users(), hasher()), POLICY).behind(gate(throttle))
}

/// What came of an attempt: `None` if it was the right password, else why not, or how long to wait.
async fn attempt(logins: &LoginService, name: &str, password: &str) -> Option<Result<&'static str, Duration>> {
    let credentials = Credentials { username: name.to_owned(), password: password.into() };
    match logins.login(credentials, Client::default()).await {
        Ok(_) => None,
        Err(LoginError::InvalidCredentials) => Some(Ok("wrong")),
        Err(LoginError::Overloaded) => Some(Ok("overloaded")),
        Err(LoginError::Throttled(throttled)) => Some(Err(throttled.retry_after)),
        Err(LoginError::Unexpected(_)) => Some(Ok("failed")),
    }
}

#[tokio::test]
async fn s03_after_five_failures_the_right_password_has_to_wait_too_and_then_ends_it() {
    let throttle = Arc::<Throttle>::default();
    let logins = logins(&throttle);
    for _ in 0..5 {
        assert_eq!(attempt(&logins, "ada", "guess").await, Some(Ok("wrong")));
    }
    assert_eq!(attempt(&logins, "ADA", PASSWORD).await, Some(Err(SECOND)));
    throttle.wait(SECOND);
    assert_eq!(attempt(&logins, "ada", "guess").await, Some(Ok("wrong")));
    assert_eq!(attempt(&logins, "ada", PASSWORD).await, Some(Err(2 * SECOND)));
    throttle.wait(2 * SECOND);
    assert_eq!(attempt(&logins, "ada", PASSWORD).await, None);
    for _ in 0..5 {
        assert_eq!(attempt(&logins, "ada", "guess").await, Some(Ok("wrong")), "all was forgotten");
    }
}

#[tokio::test]
async fn s03_an_account_that_does_not_exist_waits_as_long() {
    let throttle = Arc::<Throttle>::default();
    let logins = logins(&throttle);
    let mut waits = Vec::new();
    for _ in 0..10 {
        for _ in 0..5 {
            let known = attempt(&logins, "ada", "guess").await;
            assert_eq!(known, attempt(&logins, "nobody", "guess").await);
            waits.extend(known.and_then(Result::err));
        }
        throttle.wait(SECOND);
    }
    assert_eq!(waits.iter().max(), Some(&(8 * SECOND)));
}

#[tokio::test]
async fn s03_who_gives_the_password_again_passes_the_same_gate() {
    let throttle = Arc::<Throttle>::default();
    let mut sessions = MockSessionRepository::new();
    sessions.expect_confirm().once().returning(|_, _| Ok(()));
    let confirmation = ConfirmationService::new(Arc::new(users()), Arc::new(sessions), Arc::new(hasher()), audit())
        .behind(gate(&throttle));
    let confirm = async |password: &str| confirmation.confirm(&caller(), password.into(), Client::default()).await;
    for _ in 0..4 {
        assert!(matches!(confirm("guess").await, Err(ConfirmError::WrongPassword)));
    }
    assert_eq!(attempt(&logins(&throttle), "ada", "guess").await, Some(Ok("wrong")));
    assert!(
        matches!(confirm(PASSWORD).await, Err(ConfirmError::Throttled(throttled)) if throttled.retry_after == SECOND)
    );
    throttle.wait(SECOND);
    confirm(PASSWORD).await.unwrap();
    assert!(matches!(confirm("guess").await, Err(ConfirmError::WrongPassword)), "all was forgotten");
}

#[tokio::test]
async fn an_attempt_that_was_not_compared_is_not_held_against_anybody() {
    let throttle = Arc::<Throttle>::default();
    let logins = logins(&throttle);
    for _ in 0..20 {
        assert_eq!(attempt(&logins, "ada", "!").await, Some(Ok("overloaded")));
    }
    assert_eq!(attempt(&logins, "ada", PASSWORD).await, None);
}

#[tokio::test]
async fn s03_a_store_that_fails_makes_no_guess_free() {
    let throttle = Arc::<Throttle>::default();
    let failing = audit_that(|| Err(Unexpected::unavailable("the store is down")));
    let ports = LoginPorts { audit: failing, ..login_ports(users(), hasher()) };
    let logins = LoginService::new(ports, POLICY).behind(gate(&throttle));
    for _ in 0..5 {
        assert_eq!(attempt(&logins, "ada", "guess").await, Some(Ok("failed")));
    }
    assert_eq!(attempt(&logins, "ada", "guess").await, Some(Err(SECOND)));
}

#[tokio::test]
async fn s05_an_attempt_for_which_there_is_no_room_asks_nobody_anything_and_is_not_charged() {
    let throttle = Arc::<Throttle>::default();
    let gate = gate(&throttle).with_room_for(1);
    let ports = login_ports(MockUserRepository::new(), MockPasswordHasher::new());
    let logins = LoginService::new(ports, POLICY).behind(gate.clone());
    let under_way = gate.admit(None, "bob").await.unwrap();
    for _ in 0..20 {
        assert_eq!(attempt(&logins, "ada", "guess").await, Some(Ok("overloaded")));
    }
    assert_eq!(throttle.failures.lock().unwrap().len(), 1, "only bob's");
    drop(under_way);
    gate.admit(None, "ada").await.unwrap().succeeded().await;
    assert!(gate.admit(None, "ada").await.is_ok(), "there is room again");
}

#[tokio::test]
async fn s03_an_attempt_is_charged_before_the_password_is_compared() {
    let throttle = Arc::<Throttle>::default();
    let gate = gate(&throttle);
    let mut under_way = Vec::new();
    for _ in 0..5 {
        under_way.push(gate.admit(None, "ada").await.unwrap());
    }
    assert!(gate.admit(None, "ada").await.is_err(), "five are under way, none has failed yet");
    under_way.pop().unwrap().came_to_nothing().await;
    assert!(gate.admit(None, "ada").await.is_ok());
    drop(under_way);
    assert!(gate.admit(None, "ada").await.is_err(), "what is dropped stays charged");
}

fn denied(limit: Limit) -> Decision {
    let quota = Quota { limit, most: 1, window: 60 * SECOND, remaining: 0, reset: 60 * SECOND };
    Decision::Denied { quota, retry_after: 7 * SECOND }
}

/// Refuses that caller, who is asked about once, by that limit.
fn refusing(limit: Limit, whom: Counted) -> Arc<MockRateLimiter> {
    let mut limiter = MockRateLimiter::new();
    limiter
        .expect_check()
        .once()
        .withf(move |asked, counted| (*asked, *counted) == (limit, whom))
        .returning(|limit, _| denied(limit));
    Arc::new(limiter)
}

#[tokio::test]
async fn s02_the_address_is_looked_at_before_the_account_and_the_password() {
    let ip = IpAddr::from([192, 0, 2, 1]);
    let gate = LoginGate::new(refusing(Limit::Login, Counted::Address(ip)), Arc::new(MockLoginThrottle::new()));
    let ports = login_ports(MockUserRepository::new(), MockPasswordHasher::new());
    let logins = LoginService::new(ports, POLICY).behind(gate);
    let credentials = Credentials { username: "ada".to_owned(), password: PASSWORD.into() };
    let refused = logins.login(credentials, Client::new(Some(ip), None)).await;
    assert!(matches!(refused, Err(LoginError::Throttled(throttled)) if throttled.retry_after == 7 * SECOND));
}

#[tokio::test]
async fn s02_who_registers_too_often_is_refused_before_anything_is_done() {
    let ip = IpAddr::from([192, 0, 2, 1]);
    let account = NewAccount { username: "ada".into(), email: "ada@example.org".into(), password: PASSWORD.into() };
    let registration = RegistrationService::new(
        Arc::new(MockUserRepository::new()),
        Arc::new(MockPasswordHasher::new()),
        clock(),
        ids(),
        audit(),
    )
    .limited_by(refusing(Limit::Registration, Counted::Address(ip)));
    let refused = registration.sign_up(account, &Origin::unknown(Client::new(Some(ip), None))).await;
    assert!(matches!(refused, Err(RegisterError::Throttled(throttled)) if throttled.retry_after == 7 * SECOND));
}

/// So many at once, whoever it is.
#[derive(Clone)]
struct Places(Arc<AtomicUsize>);

struct Place(Arc<AtomicUsize>);

impl Places {
    fn new(free: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(free)))
    }

    fn free(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn limits(&self) -> TurnLimits {
        TurnLimits::new(Arc::new(Unlimited), Arc::new(self.clone()))
    }
}

#[async_trait]
impl StreamLimiter for Places {
    async fn enter(&self, user: UserId) -> Result<StreamPermit, TooManyStreams> {
        assert_eq!(user, ada().id);
        let one_less = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(1));
        one_less.map(|_| StreamPermit::holding(Place(self.0.clone()))).map_err(|_| TooManyStreams)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn turn() -> Turn {
    Turn {
        id: TurnId::from_uuid(Uuid::from_u128(300)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(400)),
        user_id: ada().id,
        session_id: None,
        seq: 1,
        parent_turn_id: None,
        kind: TurnKind::Answered,
        request_question: valid("Who am I?"),
        model: None,
        metadata: Metadata::default(),
        entry_time: moment(),
        completed_at: None,
        expiry_timestamp: moment(),
        state: TurnState::Failed(Failure::EngineError),
    }
}

/// A turn that has ended by the time it is read.
struct Over;

impl TurnReader for Over {
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>> {
        Box::pin(async { Ok(Finished { turn: turn(), retry_after: None }) })
    }

    fn events(self: Box<Self>, from: Position) -> TurnEvents {
        let events: Vec<_> = Finished { turn: turn(), retry_after: None }.into_events(from).collect();
        stream::iter(events).chain(stream::pending()).boxed()
    }
}

/// A runner that has generated everything when it begins, unless the question says `replayed`.
fn chat(limits: TurnLimits) -> ChatService {
    let mut runner = MockTurnRunner::new();
    runner.expect_start().returning(|plan| match plan.turn.question.as_str() {
        "replayed" => Ok(Started::Replayed(Box::new(turn()))),
        _ => Ok(Started::Running(RunningTurn {
            turn_id: turn().id,
            conversation_id: turn().conversation_id,
            reader: Box::new(Over),
        })),
    });
    let mut engine = MockChatEngine::new();
    engine.expect_models().returning(Vec::new);
    let policy = ChatPolicy {
        replica: ReplicaId::from_uuid(Uuid::from_u128(500)),
        budget: ContextBudget { max_turns: 7, max_tokens: 70 },
        default_ttl: ttl(),
    };
    ChatService::new(Arc::new(runner), Arc::new(engine), clock(), ids(), policy).limited_by(limits)
}

async fn started(chat: &ChatService) -> Result<RunningTurn, AskError> {
    match chat.start(&caller(), Ask::new(valid("Who am I?"))).await? {
        Started::Running(running) => Ok(running),
        Started::Replayed(_) => panic!("it is new"),
    }
}

#[tokio::test]
async fn s43_an_asker_holds_a_place_until_the_end_or_until_they_go() {
    let places = Places::new(1);
    let chat = chat(places.limits());
    let running = started(&chat).await.unwrap();
    assert!(matches!(started(&chat).await, Err(AskError::TooManyStreams(_))));
    drop(running);
    assert_eq!(places.free(), 1, "who goes without reading");

    let waiting = started(&chat).await.unwrap().reader.finished();
    assert_eq!(places.free(), 0);
    waiting.await.unwrap();
    assert_eq!(places.free(), 1, "who waits for the whole");
    drop(started(&chat).await.unwrap().reader.finished());
    assert_eq!(places.free(), 1, "who waits and goes");

    let mut events = started(&chat).await.unwrap().reader.events(Position::START);
    assert_eq!(places.free(), 0);
    assert!(events.next().await.is_some());
    assert_eq!(places.free(), 1, "who was told the end, though the stream is still there");
    drop(started(&chat).await.unwrap().reader.events(Position::START));
    assert_eq!(places.free(), 1, "who reads and goes");

    assert!(matches!(chat.start(&caller(), Ask::new(valid("replayed"))).await, Ok(Started::Replayed(_))));
    assert_eq!(places.free(), 1, "what is stored is read under a place of its own");
}

#[tokio::test]
async fn s43_a_reader_holds_a_place_until_the_end_or_until_they_go() {
    let places = Places::new(1);
    let mut turns = MockTurnRepository::new();
    turns.expect_find().returning(|_, _, _| Ok(Some(turn())));
    let reading =
        ReadingService::new(Arc::new(turns), Arc::new(MockLiveTurns::new()), clock()).limited_by(places.limits());
    let read = async || reading.read(&caller(), turn().id, Position::START).await;
    let mut first = read().await.unwrap().unwrap();
    assert!(matches!(read().await, Err(ReadError::TooManyStreams(_))));
    assert!(reading.events_of(turn(), Position::START).await.is_err());
    assert!(first.events.next().await.is_some());
    let second = read().await.unwrap().unwrap();
    assert_eq!(places.free(), 0);
    drop(second);
    assert_eq!(places.free(), 1);
}

#[tokio::test]
async fn s43_a_question_too_many_is_refused_and_holds_no_place() {
    let places = Places::new(1);
    let limiter = refusing(Limit::Turns, Counted::User(ada().id));
    let chat = chat(TurnLimits::new(limiter, Arc::new(places.clone())));
    let refused = started(&chat).await;
    assert!(matches!(refused, Err(AskError::Throttled(throttled)) if throttled.retry_after == 7 * SECOND));
    assert_eq!(places.free(), 1);
}

#[tokio::test]
async fn a_question_for_which_there_is_no_place_is_not_counted() {
    let nobody_asks = Arc::new(MockRateLimiter::new());
    let chat = chat(TurnLimits::new(nobody_asks, Arc::new(Places::new(0))));
    assert!(matches!(started(&chat).await, Err(AskError::TooManyStreams(_))));
}
