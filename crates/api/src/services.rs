use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::chat::ChatService;
use domain::conversation::ConversationService;
use domain::health::StoreHealth;
use domain::id::IdGenerator;
use domain::session::{AuthenticationService, LoginService};
use domain::user::{AccountService, RegistrationService};

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
    /// Set by the server when it begins to stop: `/readyz` says 503 and no new turn is accepted.
    pub draining: Arc<AtomicBool>,
}

impl ApiSettings {
    /// Refuses, once the server is being stopped.
    pub(crate) fn take_new_work(&self) -> Result<(), ApiError> {
        if self.is_draining() { Err(ApiError::draining()) } else { Ok(()) }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
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
