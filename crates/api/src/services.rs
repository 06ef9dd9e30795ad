use std::sync::Arc;
use std::time::Duration;

use domain::chat::{ChatService, ReadingService};
use domain::conversation::ConversationService;
use domain::health::StoreHealth;
use domain::id::IdGenerator;
use domain::session::{AuthenticationService, LoginService, SessionWatch};
use domain::user::{AccountService, RegistrationService};
use secrecy::SecretString;
use tokio::sync::watch;

use crate::error::ApiError;

/// The use cases and ports that the routes need.
#[derive(Clone)]
pub struct Services {
    /// Making accounts; `None` where registration is switched off.
    pub registration: Option<RegistrationService>,
    /// Opening and ending sessions.
    pub login: LoginService,
    /// Finding out who makes a request.
    pub authentication: AuthenticationService,
    /// Reading accounts.
    pub accounts: AccountService,
    /// Making and reading conversations.
    pub conversations: ConversationService,
    /// Asking questions.
    pub chat: ChatService,
    /// Reading turns along, and stopping them.
    pub reading: ReadingService,
    /// When sessions are over, for what stays open in them.
    pub sessions: Arc<dyn SessionWatch>,
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
    /// What `/version` says.
    pub version: Build,
    /// How long a WebSocket may take nothing before it is given up. (Readers of server-sent events are the socket's
    /// business: see the server's `socket`.)
    pub stall: Duration,
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
