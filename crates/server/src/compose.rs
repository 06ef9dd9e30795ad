//! The composition root: which adapter stands behind which port. Every `Arc` of the server is made here.

use std::sync::Arc;
use std::time::Duration;

use api::{JsonExport, Services};
use domain::api_key::{ApiKeyAuthenticator, ApiKeyRepository, ApiKeyService};
use domain::audit::{AuditService, AuditTrail};
use domain::chat::{ChatPolicy, ChatService, ReadingService};
use domain::clock::Clock;
use domain::clock::Pause;
use domain::conversation::ConversationService;
use domain::erasure::ErasureService;
use domain::export::{ExportPorts, ExportService};
use domain::housekeeping::{HousekeepingPorts, HousekeepingService};
use domain::id::{IdGenerator, ReplicaId};
use domain::session::{
    AuthenticationService, ConfirmationService, IntrospectionService, LoginPorts, LoginService, OpaqueTokens,
    RefreshService, SessionRepository, SessionService, TicketService, TokenIssuer,
};
use domain::signing::KeyRotationService;
use domain::throttle::RefusalLog;
use domain::usage::{TokensPerDay, UsageService};
use domain::user::{
    AccountService, AdministrationService, ImportService, PasswordHasher, RegistrationService, UserRepository,
};
use infra::background::BackgroundTasks;
use infra::cache::{AnnouncedErasures, CachedKeys, CachedSessions, CachedUsage, CachedUsers, Revocations};
use infra::clock::{Sleep, SystemClock};
use infra::crypto::{Argon2Hasher, JwtIssuer, KeyringRefresh, RandomTokens, Vault};
use infra::engines::{self, ChosenEngine};
use infra::housekeeping::Housekeeping;
use infra::ids::UuidV7;
use infra::live::{Heartbeat, HeartbeatSettings, LivePorts, LiveRunner, WatchedCredentials};
use infra::store::{self, Opener, Store, StoreSettings};
use infra::throttle::CountedRefusals;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;

use crate::limits::{self, Limits};
use crate::settings::{AuthSettings, Configuration, DatabaseUrl, EngineKind, Environment, Settings};
use crate::signing_secret::create_data_dir;
use crate::start_error::StartError;
use crate::translate;

/// How long the tokens that somebody has used are believed before they are looked up again.
const USAGE_CACHE: Duration = Duration::from_secs(2);

/// The server's use cases, and what keeps them alive.
pub struct Composition {
    pub services: Services,
    pub runner: LiveRunner,
    pub heartbeat: Heartbeat,
    pub keyring: KeyringRefresh,
    pub background: BackgroundTasks,
    pub housekeeping: Housekeeping,
    /// Which store, for a person.
    pub store: String,
    /// Which engine, for a person.
    pub engine: String,
    /// The provider that chats are sent to only because its key is in the environment.
    pub unasked_provider: Option<String>,
}

/// Connects everything. Turns that a dead process left running have been closed when this returns.
#[expect(clippy::too_many_lines, reason = "it is the one wiring diagram, however much there is to connect")]
pub async fn compose(
    configuration: &Configuration,
    environment: &Environment,
    secret: &SecretString,
) -> Result<Composition, StartError> {
    let Settings { auth, rate_limit, chat, replica: leasing, engine: engine_settings, .. } = &configuration.settings;
    let store = open_store(configuration, Opener::Server)?;
    let ChosenEngine { engine, description, .. } = choose_engine(configuration, environment)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdGenerator> = Arc::new(UuidV7);
    let audit = AuditTrail::new(store.audit.clone(), clock.clone(), ids.clone());
    let refusals =
        || -> Arc<dyn RefusalLog> { CountedRefusals::start(store.users.clone(), audit.clone(), clock.clone()) };
    let Limits { attempts, gate, turns: turn_limits } =
        limits::compose(rate_limit, &translate::argon2(&auth.argon2), clock.clone(), refusals);
    let hasher = password_hasher(auth)?;
    let (vault, algorithm) = (open_vault(secret)?, auth.algorithm.get());
    let rotation = KeyRotationService::new(store.signing_keys.clone(), vault.clone(), algorithm);
    if let Some(kid) = rotation.ensure().await.map_err(StartError::FirstBeat)? {
        tracing::info!(%kid, %algorithm, "made a key to sign tokens with");
    }
    let keyring = KeyringRefresh::start(store.signing_keys.clone(), vault, algorithm);
    let (published_keys, keyring) = keyring.await.map_err(StartError::FirstBeat)?;
    let tokens: Arc<dyn TokenIssuer> =
        Arc::new(JwtIssuer::new(translate::jwt(auth), published_keys.clone(), clock.clone(), ids.clone()));
    let opaque: Arc<dyn OpaqueTokens> = Arc::new(RandomTokens::new(secret.expose_secret().as_bytes()));
    let watched = WatchedCredentials::default();
    let moment = auth.session_cache_ms.duration();
    let revocations = Revocations::new(moment, watched.clone());
    let sessions: Arc<dyn SessionRepository> =
        Arc::new(CachedSessions::new(store.sessions.clone(), moment, revocations.clone()));
    let keys: Arc<dyn ApiKeyRepository> = Arc::new(CachedKeys::new(store.keys.clone(), moment, revocations.clone()));
    let users: Arc<dyn UserRepository> = Arc::new(CachedUsers::new(store.users.clone(), moment, revocations.clone()));
    let erasures = Arc::new(AnnouncedErasures::new(store.erasures.clone(), revocations));
    let (journal, turns, leases) = (store.journal.clone(), store.turns.clone(), store.leases.clone());
    let ports = LivePorts { journal, turns, leases, engine: engine.clone(), clock: clock.clone() };
    let runner = LiveRunner::new(Handle::current(), ports);

    let replica = ReplicaId::generate(&*ids);
    let pulse = HeartbeatSettings { lease: leasing.lease_ms.duration(), tick: leasing.tick_ms.duration() };
    let heartbeat = Heartbeat::start(pulse, replica, store.leases.clone(), &runner, watched.clone(), clock.clone());
    let heartbeat = heartbeat.await.map_err(StartError::FirstBeat)?;

    let default_ttl = chat.default_ttl_days.time_to_live();
    let policy = ChatPolicy { replica, budget: translate::budget(chat), default_ttl };
    let registration =
        RegistrationService::new(users.clone(), hasher.clone(), clock.clone(), ids.clone(), audit.clone())
            .limited_by(attempts);
    let confirmation =
        ConfirmationService::new(users.clone(), sessions.clone(), hasher.clone(), audit.clone()).behind(gate.clone());
    let key_authenticator = ApiKeyAuthenticator::new(keys.clone(), opaque.clone(), audit.clone());
    let login = LoginPorts {
        users: users.clone(),
        sessions: sessions.clone(),
        hasher: hasher.clone(),
        tokens: tokens.clone(),
        opaque: opaque.clone(),
        ids: ids.clone(),
        audit: audit.clone(),
    };
    let mut chat = ChatService::new(Arc::new(runner.clone()), engine.clone(), clock.clone(), ids.clone(), policy)
        .limited_by(turn_limits.clone());
    if let Some(limit) = translate::tokens_per_day(rate_limit) {
        let usage = Arc::new(CachedUsage::new(store.usage.clone(), USAGE_CACHE));
        chat = chat.with_quota(Arc::new(TokensPerDay::new(limit, usage, clock.clone())));
    }
    let pause: Arc<dyn Pause> = Arc::new(Sleep);
    let erasure = ErasureService::new(erasures, clock.clone(), pause, audit.clone());
    let background = BackgroundTasks::new(Handle::current());
    let exporting = export_ports(&store, users.clone(), &background, clock.clone(), ids.clone());
    let every = configuration.settings.housekeeping.every_seconds.duration();
    let housekeeping = Housekeeping::start(&Handle::current(), housekeeping(&store, &erasure, clock.clone()), every);
    let services = Services {
        erasure,
        exports: ExportService::new(exporting, replica, audit.clone()),
        registration: auth.registration_open.then(|| registration.clone()),
        login: LoginService::new(login, translate::sessions(auth)).behind(gate),
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
        tickets: TicketService::new(store.tickets.clone(), opaque.clone()),
        keys: ApiKeyService::new(keys, opaque.clone(), clock.clone(), ids.clone(), audit.clone()),
        administration: AdministrationService::new(
            users.clone(),
            sessions.clone(),
            hasher.clone(),
            registration,
            audit.clone(),
        ),
        audit: AuditService::new(store.audit.clone()),
        authentication: AuthenticationService::new(tokens, sessions, key_authenticator, store.tickets, opaque),
        published_keys,
        accounts: AccountService::new(users, hasher, confirmation, audit),
        conversations: ConversationService::new(
            store.conversations,
            store.turns.clone(),
            engine.clone(),
            clock.clone(),
            ids.clone(),
            default_ttl,
        ),
        chat,
        reading: ReadingService::new(store.turns, Arc::new(runner.clone()), clock.clone()).limited_by(turn_limits),
        usage: UsageService::new(store.usage, engine.clone(), engine_settings.prices.clone(), clock),
        watch: Arc::new(watched),
        store: store.health,
        ids,
    };
    let provider = engine.models().into_iter().next().map(|model| model.provider);
    let unasked_provider =
        provider.filter(|provider| engine_settings.kind == EngineKind::Auto && provider != "builtin");
    Ok(Composition {
        services,
        runner,
        heartbeat,
        keyring,
        background,
        housekeeping,
        store: configuration.store().to_string(),
        engine: description,
        unasked_provider,
    })
}

fn export_ports(
    store: &Store,
    users: Arc<dyn UserRepository>,
    background: &BackgroundTasks,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
) -> ExportPorts {
    ExportPorts {
        exports: store.exports.clone(),
        records: store.records.clone(),
        users,
        usage: store.usage.clone(),
        log: store.audit.clone(),
        format: Arc::new(JsonExport),
        background: Arc::new(background.clone()),
        clock,
        ids,
    }
}

fn housekeeping(store: &Store, erasure: &ErasureService, clock: Arc<dyn Clock>) -> HousekeepingService {
    HousekeepingService::new(HousekeepingPorts {
        tickets: store.tickets.clone(),
        retention: store.retention.clone(),
        exports: store.exports.clone(),
        log: store.audit.clone(),
        erasure: erasure.clone(),
        clock,
    })
}

/// The accounts' use cases alone, for the command line beside a running server.
pub fn compose_accounts(configuration: &Configuration) -> Result<AdministrationService, StartError> {
    let store = open_store(configuration, Opener::Command)?;
    let hasher = password_hasher(&configuration.settings.auth)?;
    let (clock, ids): (Arc<dyn Clock>, Arc<dyn IdGenerator>) = (Arc::new(SystemClock), Arc::new(UuidV7));
    let audit = AuditTrail::new(store.audit, clock.clone(), ids.clone());
    let registration = RegistrationService::new(store.users.clone(), hasher.clone(), clock, ids, audit.clone());
    Ok(AdministrationService::new(store.users, store.sessions, hasher, registration, audit))
}

/// The signing keys' use cases alone, for the command line beside a running server.
pub fn compose_keys(configuration: &Configuration, secret: &SecretString) -> Result<KeyRotationService, StartError> {
    let store = open_store(configuration, Opener::Command)?;
    let algorithm = configuration.settings.auth.algorithm.get();
    Ok(KeyRotationService::new(store.signing_keys, open_vault(secret)?, algorithm))
}

fn open_vault(secret: &SecretString) -> Result<Arc<Vault>, StartError> {
    Ok(Arc::new(Vault::new(secret).map_err(|error| StartError::Crypto(error.into()))?))
}

/// Taking over the accounts of another system, beside a running server.
pub fn compose_import(configuration: &Configuration) -> Result<ImportService, StartError> {
    let store = open_store(configuration, Opener::Command)?;
    let hasher = password_hasher(&configuration.settings.auth)?;
    let ids: Arc<dyn IdGenerator> = Arc::new(UuidV7);
    let audit = AuditTrail::new(store.audit, Arc::new(SystemClock), ids.clone());
    Ok(ImportService::new(store.users, hasher, ids, audit))
}

fn password_hasher(settings: &AuthSettings) -> Result<Arc<dyn PasswordHasher>, StartError> {
    let hasher = Argon2Hasher::new(translate::argon2(&settings.argon2));
    Ok(Arc::new(hasher.map_err(|error| StartError::Crypto(error.into()))?))
}

/// Opens the store that the settings name.
pub fn open_store(configuration: &Configuration, opener: Opener) -> Result<Store, StartError> {
    let settings = prepare_store(configuration)?;
    let failed = |source| store_error(configuration, source);
    if opener == Opener::Server && configuration.settings.database.auto_migrate {
        store::migrate(&settings).map_err(failed)?;
    }
    store::open(&settings, opener).map_err(failed)
}

/// What opens or migrates the store. The embedded one gets its directory; any other must have its place already.
pub fn prepare_store(configuration: &Configuration) -> Result<StoreSettings, StartError> {
    if matches!(configuration.settings.database.url, DatabaseUrl::Embedded) {
        let path = &configuration.data_dir;
        create_data_dir(path).map_err(|source| StartError::DataDir { path: path.clone(), source })?;
    }
    Ok(translate::store(configuration))
}

/// Chooses the engine that the settings, or the environment, name.
pub fn choose_engine(configuration: &Configuration, environment: &Environment) -> Result<ChosenEngine, StartError> {
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    Ok(engines::build(translate::engine(&configuration.settings.engine), &lookup)?)
}

/// A failure of the store, with the store that it was.
pub fn store_error(configuration: &Configuration, source: store::StoreError) -> StartError {
    StartError::Store { store: configuration.store().to_string(), source }
}
