use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::{Client, SessionRepository};
use crate::Unexpected;
use crate::access::Principal;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::throttle::{LoginGate, NotAdmitted, Throttled};
use crate::user::{HashError, Password, PasswordHasher, UserRepository, Verification};

/// Why a password that was given again did not count.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// It is not the password.
    #[error("the password is wrong")]
    WrongPassword,
    /// Too many passwords are being compared.
    #[error("too many passwords are being compared")]
    Overloaded,
    /// Too many attempts from that address, or with that account.
    #[error(transparent)]
    Throttled(Throttled),
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: giving the password again, before something that a stolen session must not do.
#[derive(Clone)]
pub struct ConfirmationService {
    users: Arc<dyn UserRepository>,
    sessions: Arc<dyn SessionRepository>,
    hasher: Arc<dyn PasswordHasher>,
    audit: AuditTrail,
    gate: LoginGate,
}

impl ConfirmationService {
    /// The use case over these ports, where no attempt is too many.
    pub fn new(
        users: Arc<dyn UserRepository>,
        sessions: Arc<dyn SessionRepository>,
        hasher: Arc<dyn PasswordHasher>,
        audit: AuditTrail,
    ) -> Self {
        Self { users, sessions, hasher, audit, gate: LoginGate::open() }
    }

    /// The same, where every attempt has to pass that gate, as logging in has to.
    #[must_use]
    pub fn behind(mut self, gate: LoginGate) -> Self {
        self.gate = gate;
        self
    }

    /// The caller's session counts as freshly authenticated from now on, for [`super::Session::FRESH`].
    pub async fn confirm(
        &self,
        caller: &Principal,
        password: SecretString,
        client: Client,
    ) -> Result<(), ConfirmError> {
        self.check(caller, password, &client).await?;
        if let Some(session) = caller.session_id() {
            let event = self.audit.event(AuditKind::Reauthenticated, &Origin::of(caller, client)).about(caller.user_id);
            self.sessions.confirm(session, event).await?;
        }
        Ok(())
    }

    /// Whether it is the caller's password.
    pub(crate) async fn check(
        &self,
        caller: &Principal,
        password: SecretString,
        client: &Client,
    ) -> Result<(), ConfirmError> {
        let admission = self.gate.admit(client.ip, caller.username.as_str()).await?;
        let outcome = self.compare(caller, password, client).await;
        match &outcome {
            Ok(()) => admission.succeeded().await,
            Err(ConfirmError::Overloaded) => admission.came_to_nothing().await,
            // A store that fails may do so after the comparison, and must not make guesses free.
            Err(ConfirmError::WrongPassword | ConfirmError::Throttled(_) | ConfirmError::Unexpected(_)) => {
                drop(admission);
            }
        }
        outcome
    }

    /// The same, once it is admitted. A refusal is written down as a failed login.
    async fn compare(&self, caller: &Principal, password: SecretString, client: &Client) -> Result<(), ConfirmError> {
        let is_possible = password.expose_secret().len() <= Password::MAX_BYTES;
        let account = self.users.find_for_login(&caller.username).await?;
        let hash = account.filter(|(user, _)| user.id == caller.user_id && is_possible).map(|(_, hash)| hash);
        let is_wrong = match hash {
            Some(hash) => self.hasher.verify(password, Some(hash)).await? == Verification::Mismatch,
            None => true,
        };
        if is_wrong {
            let event = self.audit.event(AuditKind::LoginFailed, &Origin::of(caller, client.clone()));
            self.audit.record(event.about(caller.user_id)).await?;
            return Err(ConfirmError::WrongPassword);
        }
        Ok(())
    }
}

impl From<NotAdmitted> for ConfirmError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Throttled(throttled) => Self::Throttled(throttled),
            NotAdmitted::Overloaded => Self::Overloaded,
        }
    }
}

impl From<HashError> for ConfirmError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::Unexpected(source) => Self::Unexpected(source),
        }
    }
}
