//! One builder for all tests: every port is a mock that panics when it is called without being told to. A panic in a
//! handler is a 500, so a request that must not reach a port is caught when it does.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use api::middleware::ToldLimiter;
use api::{ApiSettings, Browser, Build, JsonExport, Metrics, Services};
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::api_key::{ApiKeyAuthenticator, ApiKeyService, MockApiKeyRepository};
use domain::audit::{AuditService, AuditTrail, MockAuditLog};
use domain::background::MockBackground;
use domain::chat::{
    ChatEngine, ChatPolicy, ChatService, ContextBudget, Finished, MockChatEngine, MockLiveTurns, MockTurnRunner,
    OfferedModel, Position, ReadingService, RunningTurn, Started, TurnEvents, TurnReader,
};
use domain::clock::{Clock, MockPause};
use domain::conversation::{
    Answer, Conversation, ConversationService, Metadata, MockConversationRepository, MockTurnRepository, ModelName,
    Question, TimeToLive, Title, Turn, TurnKind, TurnState, Usage,
};
use domain::erasure::{ErasureService, MockErasureRepository};
use domain::export::{ExportPorts, ExportService, MockExportRepository, MockRecordRepository};
use domain::health::MockStoreHealth;
use domain::id::{ConversationId, IdGenerator, ReplicaId, SessionId, TurnId, UserId};
use domain::session::{
    AccessClaims, AuthenticationService, ConfirmationService, IntrospectionService, Lifetimes, LoginPorts,
    LoginService, MockCredentialWatch, MockOpaqueTokens, MockSessionRepository, MockTicketRepository, MockTokenIssuer,
    RefreshService, Session, SessionPolicy, SessionService, SessionState, TicketService, TokenError, TokenHash,
    VerifiedToken,
};
use domain::signing::MockPublishedKeys;
use domain::throttle::{
    LoginGate, LoginThrottle, MockLoginThrottle, MockRateLimiter, MockStreamLimiter, RateLimiter, StreamLimiter,
    TurnLimits, Unlimited,
};
use domain::usage::{MockUsageRepository, Prices, TokensPerDay, UsageService};
use domain::user::{
    AccountService, AdministrationService, Email, MockPasswordHasher, MockUserRepository, RegistrationService, Role,
    User, Username,
};
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) const TOKEN: &str = "a-good-token";
pub(crate) const METRICS_TOKEN: &str = "sixteen-bytes-at-least";
pub(crate) const MAX_BODY_BYTES: usize = 100_000;

pub(crate) fn user_id() -> UserId {
    UserId::from_uuid(Uuid::from_u128(0xA))
}

pub(crate) fn session_id() -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(0xB))
}

pub(crate) fn conversation_id() -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(0xC))
}

pub(crate) fn turn_id() -> TurnId {
    TurnId::from_uuid(Uuid::from_u128(0xD))
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-01-02T03:04:05.120Z".parse().unwrap()
}

const DAY: Duration = Duration::from_secs(86_400);
const LIFETIMES: Lifetimes = Lifetimes { idle: DAY, absolute: DAY };
const POLICY: SessionPolicy = SessionPolicy { user: LIFETIMES, admin: LIFETIMES };

/// The mocked ports.
pub(crate) struct Ports {
    pub(crate) users: MockUserRepository,
    pub(crate) hasher: MockPasswordHasher,
    pub(crate) sessions: MockSessionRepository,
    pub(crate) tokens: MockTokenIssuer,
    pub(crate) opaque: MockOpaqueTokens,
    pub(crate) tickets: MockTicketRepository,
    pub(crate) keys: MockApiKeyRepository,
    pub(crate) audit: MockAuditLog,
    pub(crate) published_keys: MockPublishedKeys,
    pub(crate) erasures: MockErasureRepository,
    pub(crate) pause: MockPause,
    pub(crate) exports: MockExportRepository,
    pub(crate) records: MockRecordRepository,
    pub(crate) background: MockBackground,
    pub(crate) conversations: MockConversationRepository,
    pub(crate) turns: MockTurnRepository,
    pub(crate) runner: MockTurnRunner,
    pub(crate) live: MockLiveTurns,
    pub(crate) watch: MockCredentialWatch,
    pub(crate) engine: MockChatEngine,
    pub(crate) usage: MockUsageRepository,
    pub(crate) tokens_per_day: Option<NonZeroU64>,
    pub(crate) store: MockStoreHealth,
    pub(crate) registration_is_open: bool,
    pub(crate) browser: Browser,
    pub(crate) limiter: Option<MockRateLimiter>,
    pub(crate) throttle: Option<MockLoginThrottle>,
    pub(crate) streams: Option<MockStreamLimiter>,
    pub(crate) trusted_proxies: Vec<ipnet::IpNet>,
}

impl Ports {
    /// Nothing may be called.
    pub(crate) fn untouched() -> Self {
        Self {
            users: MockUserRepository::new(),
            hasher: MockPasswordHasher::new(),
            sessions: MockSessionRepository::new(),
            tokens: MockTokenIssuer::new(),
            opaque: opaque(),
            tickets: MockTicketRepository::new(),
            keys: MockApiKeyRepository::new(),
            audit: MockAuditLog::new(),
            published_keys: MockPublishedKeys::new(),
            erasures: MockErasureRepository::new(),
            pause: MockPause::new(),
            exports: MockExportRepository::new(),
            records: MockRecordRepository::new(),
            background: MockBackground::new(),
            conversations: MockConversationRepository::new(),
            turns: MockTurnRepository::new(),
            runner: MockTurnRunner::new(),
            live: MockLiveTurns::new(),
            watch: MockCredentialWatch::new(),
            engine: MockChatEngine::new(),
            usage: MockUsageRepository::new(),
            tokens_per_day: None,
            store: MockStoreHealth::new(),
            registration_is_open: true,
            browser: Browser::default(),
            limiter: None,
            throttle: None,
            streams: None,
            trusted_proxies: Vec::new(),
        }
    }

    /// [`TOKEN`] authenticates Ada, and the engine offers [`model`]; nothing else may be called.
    pub(crate) fn with_caller() -> Self {
        let mut ports = Self::untouched();
        ports.tokens.expect_verify().returning(|token| match token {
            TOKEN => Ok(verified()),
            _ => Err(TokenError::Invalid("not ours".to_owned())),
        });
        ports.sessions.expect_find().returning(|_| Ok(Some(session())));
        ports.watch.expect_ended().returning(|_| Box::pin(std::future::pending()));
        ports.engine.expect_models().returning(|| vec![OfferedModel { name: model(), provider: "test".to_owned() }]);
        ports
    }

    #[expect(clippy::too_many_lines, reason = "it connects every use case there is, and nothing else")]
    pub(crate) fn server(self) -> Server {
        crate::logging::listen();
        let engine: Arc<dyn ChatEngine> = Arc::new(self.engine);
        let (users, hasher): (Arc<_>, Arc<_>) = (Arc::new(self.users), Arc::new(self.hasher));
        let (sessions, tokens): (Arc<_>, Arc<_>) = (Arc::new(self.sessions), Arc::new(self.tokens));
        let (clock, ids): (Arc<_>, Arc<_>) = (Arc::new(StoppedClock), Arc::new(CountingIds::default()));
        let turns: Arc<_> = Arc::new(self.turns);
        let default_ttl = TimeToLive::try_from(86_400).unwrap();
        let policy = ChatPolicy {
            replica: ReplicaId::from_uuid(Uuid::from_u128(1)),
            budget: ContextBudget { max_turns: 8, max_tokens: 1_000 },
            default_ttl,
        };
        let (opaque, keys, log): (Arc<_>, Arc<_>, Arc<_>) =
            (Arc::new(self.opaque), Arc::new(self.keys), Arc::new(self.audit));
        let tickets = Arc::new(self.tickets);
        let audit = AuditTrail::new(log.clone(), clock.clone(), ids.clone());
        let (limiter, gate, turn_limits) = limits(self.limiter, self.throttle, self.streams);
        let registration =
            RegistrationService::new(users.clone(), hasher.clone(), clock.clone(), ids.clone(), audit.clone())
                .limited_by(limiter);
        let confirmation = ConfirmationService::new(users.clone(), sessions.clone(), hasher.clone(), audit.clone())
            .behind(gate.clone());
        let login = LoginPorts {
            users: users.clone(),
            sessions: sessions.clone(),
            hasher: hasher.clone(),
            tokens: tokens.clone(),
            opaque: opaque.clone(),
            ids: ids.clone(),
            audit: audit.clone(),
        };
        let key_authenticator = ApiKeyAuthenticator::new(keys.clone(), opaque.clone(), audit.clone());
        let usage: Arc<_> = Arc::new(self.usage);
        let prices = Prices::try_from(vec!["large=2.50/10".to_owned()]).unwrap();
        let mut chat = ChatService::new(Arc::new(self.runner), engine.clone(), clock.clone(), ids.clone(), policy)
            .limited_by(turn_limits.clone());
        if let Some(limit) = self.tokens_per_day {
            chat = chat.with_quota(Arc::new(TokensPerDay::new(limit, usage.clone(), clock.clone())));
        }
        let exporting = ExportPorts {
            exports: Arc::new(self.exports),
            records: Arc::new(self.records),
            users: users.clone(),
            usage: usage.clone(),
            log: log.clone(),
            format: Arc::new(JsonExport),
            background: Arc::new(self.background),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let erasures = Arc::new(self.erasures);
        let services = Services {
            erasure: ErasureService::new(erasures, clock.clone(), Arc::new(self.pause), audit.clone()),
            exports: ExportService::new(exporting, policy.replica, audit.clone()),
            registration: self.registration_is_open.then(|| registration.clone()),
            login: LoginService::new(login, POLICY).behind(gate),
            refresh: RefreshService::new(sessions.clone(), tokens.clone(), opaque.clone(), audit.clone()),
            own_sessions: SessionService::new(sessions.clone(), audit.clone()),
            confirmation: confirmation.clone(),
            introspection: IntrospectionService::new(
                tokens.clone(),
                sessions.clone(),
                keys.clone(),
                opaque.clone(),
                audit.clone(),
            ),
            tickets: TicketService::new(tickets.clone(), opaque.clone()),
            keys: ApiKeyService::new(keys, opaque.clone(), clock.clone(), ids.clone(), audit.clone()),
            administration: AdministrationService::new(
                users.clone(),
                sessions.clone(),
                hasher.clone(),
                registration,
                audit.clone(),
            ),
            audit: AuditService::new(log),
            authentication: AuthenticationService::new(tokens, sessions, key_authenticator, tickets, opaque),
            published_keys: Arc::new(self.published_keys),
            accounts: AccountService::new(users, hasher, confirmation, audit),
            conversations: ConversationService::new(
                Arc::new(self.conversations),
                turns.clone(),
                engine.clone(),
                clock.clone(),
                ids.clone(),
                default_ttl,
            ),
            chat,
            reading: ReadingService::new(turns, Arc::new(self.live), clock.clone()).limited_by(turn_limits),
            usage: UsageService::new(usage, engine, prices, clock),
            watch: Arc::new(self.watch),
            store: Arc::new(self.store),
            ids,
        };
        let version = Build { name: "colloquy", version: "1.2.3", commit: Some("abc1234") };
        let draining = watch::Sender::new(false);
        let metrics = Metrics { token: METRICS_TOKEN.into(), render: Arc::new(|| "measured 1\n".to_owned()) };
        Server {
            services,
            settings: ApiSettings {
                max_body_bytes: MAX_BODY_BYTES,
                body_timeout: Duration::from_secs(15),
                cors_origins: Vec::new(),
                version,
                trusted_proxies: self.trusted_proxies.into_iter().collect(),
                stall: Duration::from_secs(2),
                browser: self.browser,
                metrics: Some(metrics),
                draining: draining.subscribe(),
            },
            draining,
        }
    }
}

/// What is not mocked is no limit.
fn limits(
    limiter: Option<MockRateLimiter>,
    throttle: Option<MockLoginThrottle>,
    streams: Option<MockStreamLimiter>,
) -> (Arc<dyn RateLimiter>, LoginGate, TurnLimits) {
    let limiter: Arc<dyn RateLimiter> = match limiter {
        Some(limiter) => Arc::new(ToldLimiter::new(Arc::new(limiter))),
        None => Arc::new(Unlimited),
    };
    let throttle: Arc<dyn LoginThrottle> = match throttle {
        Some(throttle) => Arc::new(throttle),
        None => Arc::new(Unlimited),
    };
    let streams: Arc<dyn StreamLimiter> = match streams {
        Some(streams) => Arc::new(streams),
        None => Arc::new(Unlimited),
    };
    (limiter.clone(), LoginGate::new(limiter.clone(), throttle), TurnLimits::new(limiter, streams))
}

/// The application that production serves, over mocks.
pub(crate) struct Server {
    pub(crate) services: Services,
    pub(crate) settings: ApiSettings,
    pub(crate) draining: watch::Sender<bool>,
}

impl Server {
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    pub(crate) async fn send(&self, request: TestRequest) -> Reply {
        self.send_with(request, None).await
    }

    /// The same with a body that does things while it comes.
    pub(crate) async fn send_body(&self, request: TestRequest, body: Payload) -> Reply {
        self.send_with(request, Some(body)).await
    }

    async fn send_with(&self, request: TestRequest, body: Option<Payload>) -> Reply {
        let app = actix_web::test::init_service(api::app(self.services.clone(), self.settings.clone())).await;
        let peer: SocketAddr = "203.0.113.7:4711".parse().unwrap();
        let mut request = request.peer_addr(peer).to_request();
        if let Some(body) = body {
            request = request.replace_payload(body).0;
        }
        let response = actix_web::test::call_service(&app, request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = actix_web::test::read_body(response).await;
        Reply { status, headers, body }
    }
}

/// A response that has been read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: actix_web::http::header::HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The problem document, after checking what holds for each of them.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:colloquy:problem:{code}"));
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        assert!(problem["title"].is_string() && problem["instance"].is_string(), "{problem}");
        assert_eq!(problem["retry_after"].as_u64().map(|s| s.to_string()).as_deref(), self.header("retry-after"));
        problem
    }

    /// The pointers of a 422, after checking that it is one.
    #[track_caller]
    pub(crate) fn pointers(&self) -> Vec<String> {
        let problem = self.problem(422, "validation_failed");
        let errors = problem["errors"].as_array().unwrap();
        assert!(errors.iter().all(|error| error["message"].as_str().is_some_and(|message| !message.is_empty())));
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("Authorization", format!("Bearer {TOKEN}")))
}

pub(crate) fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path).insert_header(("Authorization", format!("Bearer {TOKEN}")))
}

pub(crate) fn post_json(path: &str, body: &str) -> TestRequest {
    post(path).insert_header(("Content-Type", "application/json")).set_payload(body.to_owned())
}

pub(crate) fn claims() -> AccessClaims {
    AccessClaims { user_id: user_id(), session_id: session_id(), username: username() }
}

/// What a verified [`TOKEN`] says.
pub(crate) fn verified() -> VerifiedToken {
    let (issued_at, expires_at) = (now(), now() + Duration::from_secs(900));
    VerifiedToken { claims: claims(), id: Uuid::from_u128(0xE), issued_at, expires_at }
}

/// Tokens that can be told apart and are no secret: what is generated is `generated`, what follows a token has `+`
/// before it, and what is stored of one are its first bytes.
fn opaque() -> MockOpaqueTokens {
    let mut opaque = MockOpaqueTokens::new();
    opaque.expect_generate().returning(|| Ok("generated".into()));
    opaque.expect_successor().returning(|token| format!("+{token}").into());
    opaque.expect_hash().returning(hash_of);
    opaque
}

/// What is stored of a token.
pub(crate) fn hash_of(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.iter_mut().zip(token.bytes()).for_each(|(stored, byte)| *stored = byte);
    TokenHash(hash)
}

pub(crate) fn username() -> Username {
    Username::try_from("ada".to_owned()).unwrap()
}

/// The one model that there is.
pub(crate) fn model() -> ModelName {
    ModelName::try_from("large".to_owned()).unwrap()
}

pub(crate) fn session() -> Session {
    Session {
        id: session_id(),
        user_id: user_id(),
        username: username(),
        role: Role::User,
        user_is_active: true,
        state: SessionState::Live,
        is_fresh: true,
        needs_touch: false,
        expires_at: now(),
    }
}

pub(crate) fn user() -> User {
    User {
        id: user_id(),
        username: username(),
        email: Email::try_from("ada@example.org".to_owned()).unwrap(),
        role: Role::User,
        is_active: true,
        account_created: now(),
        last_login: None,
    }
}

pub(crate) fn conversation() -> Conversation {
    Conversation {
        id: conversation_id(),
        user_id: user_id(),
        title: Some(Title::try_from("Lisbon".to_owned()).unwrap()),
        model: None,
        system: None,
        metadata: Metadata::default(),
        ttl: None,
        archived: false,
        pinned: false,
        leaf_turn_id: Some(turn_id()),
        created_at: now(),
        updated_at: now(),
        expiry_timestamp: now(),
    }
}

pub(crate) fn answer(text: &str) -> Answer {
    let usage = Usage { input_tokens: 40, output_tokens: 2 };
    Answer { response: text.to_owned(), parts: None, image_url: None, usage }
}

pub(crate) fn turn(state: TurnState) -> Turn {
    Turn {
        id: turn_id(),
        conversation_id: conversation_id(),
        user_id: user_id(),
        session_id: Some(session_id()),
        seq: 1,
        parent_turn_id: None,
        kind: TurnKind::Answered,
        request_question: Question::try_from("Who are you?".to_owned()).unwrap(),
        model: None,
        metadata: Metadata::default(),
        entry_time: now(),
        completed_at: Some(now()),
        expiry_timestamp: now(),
        state,
    }
}

/// What a runner gives whose turn ends at once.
pub(crate) fn started(state: TurnState, retry_after: Option<Duration>) -> Started {
    running(Ok(Finished { turn: turn(state), retry_after }))
}

/// What a runner gives whose turn comes to this.
pub(crate) fn running(finished: Result<Finished, Unexpected>) -> Started {
    let reader = Box::new(Over(finished));
    Started::Running(RunningTurn { turn_id: turn_id(), conversation_id: conversation_id(), reader })
}

/// The reader of a turn that is over.
struct Over(Result<Finished, Unexpected>);

impl TurnReader for Over {
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>> {
        Box::pin(std::future::ready(self.0))
    }

    fn events(self: Box<Self>, from: Position) -> TurnEvents {
        Box::pin(stream::iter(self.0.into_iter().flat_map(move |finished| finished.into_events(from))))
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        now()
    }
}

#[derive(Default)]
struct CountingIds(AtomicU64);

impl IdGenerator for CountingIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1_000)
    }
}
