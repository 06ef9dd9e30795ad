use std::sync::Arc;
use std::time::Duration;

use domain::api_key::ApiKeyService;
use domain::audit::AuditService;
use domain::chat::{ChatService, ReadingService};
use domain::conversation::ConversationService;
use domain::erasure::ErasureService;
use domain::export::ExportService;
use domain::health::StoreHealth;
use domain::id::IdGenerator;
use domain::session::{
    AuthenticationService, ConfirmationService, CredentialWatch, IntrospectionService, LoginService, RefreshService,
    SessionService, TicketService,
};
use domain::signing::PublishedKeys;
use domain::usage::UsageService;
use domain::user::{AccountService, AdministrationService, RegistrationService};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::error::ApiError;
use crate::extract::TrustedProxies;

/// The use cases and ports that the routes need.
#[derive(Clone)]
pub struct Services {
    /// Making accounts; `None` where registration is switched off.
    pub registration: Option<RegistrationService>,
    /// Opening sessions.
    pub login: LoginService,
    /// Going on with sessions.
    pub refresh: RefreshService,
    /// One's own sessions, and ending them.
    pub own_sessions: SessionService,
    /// Giving the password again.
    pub confirmation: ConfirmationService,
    /// What tokens are worth, and taking them out of use.
    pub introspection: IntrospectionService,
    /// Tickets for sockets.
    pub tickets: TicketService,
    /// API keys.
    pub keys: ApiKeyService,
    /// Other people's accounts.
    pub administration: AdministrationService,
    /// The audit log.
    pub audit: AuditService,
    /// Finding out who makes a request.
    pub authentication: AuthenticationService,
    /// What other services verify tokens with.
    pub published_keys: Arc<dyn PublishedKeys>,
    /// One's own account.
    pub accounts: AccountService,
    /// Deleting one's account.
    pub erasure: ErasureService,
    /// Getting everything that is stored about oneself.
    pub exports: ExportService,
    /// Making and reading conversations.
    pub conversations: ConversationService,
    /// Asking questions.
    pub chat: ChatService,
    /// Reading turns along, and stopping them.
    pub reading: ReadingService,
    /// What was used, and what there is to use.
    pub usage: UsageService,
    /// When credentials are over, for what stays open with them.
    pub watch: Arc<dyn CredentialWatch>,
    /// Whether the store can be used, for `/readyz`.
    pub store: Arc<dyn StoreHealth>,
    /// Where the ids of requests come from.
    pub ids: Arc<dyn IdGenerator>,
}

/// What is configured about the HTTP surface.
#[derive(Clone)]
pub struct ApiSettings {
    /// The most bytes of a request's body.
    pub max_body_bytes: usize,
    /// The most time that a request's body may take to come.
    pub body_timeout: Duration,
    /// The origins whose pages may use the API, each as browsers write it: `https://app.example.org`.
    pub cors_origins: Vec<String>,
    /// What `/version` says.
    pub version: Build,
    /// Who may say where a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// How long a WebSocket may take nothing before it is given up. (Readers of server-sent events are the socket's
    /// business: see the server's `socket`.)
    pub stall: Duration,
    /// What is known of browsers' way to this server.
    pub browser: Browser,
    /// `/metrics` on this port; `None` if it is not there.
    pub metrics: Option<Metrics>,
    /// True once the server begins to stop: `/readyz` says 503 and no new turn is accepted.
    pub draining: watch::Receiver<bool>,
}

impl ApiSettings {
    /// Refuses, once the server is being stopped.
    pub(crate) fn take_new_work(&self) -> Result<(), ApiError> {
        if self.is_draining() { Err(ApiError::draining()) } else { Ok(()) }
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }
}

/// What is measured, for whoever has the token.
#[derive(Clone)]
pub struct Metrics {
    /// The bearer token.
    pub token: SecretString,
    /// The measurements in Prometheus' text format.
    pub render: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Which build this is.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// The program's name.
    pub name: &'static str,
    /// Its version, as in its package.
    pub version: &'static str,
    /// The commit that it was built from, where that is known.
    pub commit: Option<&'static str>,
}

/// How browsers reach the server.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// Scheme, host and port under which they do, as `Origin` says it; without it, what `Host` says, without TLS.
    pub public_origin: Option<String>,
}

impl Browser {
    /// Whether they reach it over TLS.
    pub fn is_secure(&self) -> bool {
        self.public_origin.as_deref().is_some_and(|origin| origin.starts_with("https:"))
    }
}
