use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{
    AccessClaims, AccessToken, Client, NewSession, OpaqueTokens, SessionPolicy, SessionRepository, TokenIssuer,
};
use crate::Unexpected;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::id::{IdGenerator, SessionId};
use crate::throttle::{LoginGate, NotAdmitted, Throttled};
use crate::user::{HashError, HashedPassword, Password, PasswordHasher, User, UserRepository, Username, Verification};

/// What somebody who wants to log in tells.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name, as it was typed.
    pub username: String,
    /// The password, as it was typed.
    pub password: SecretString,
}

/// A session that was opened for a program.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Who logged in.
    pub user: User,
    /// The session.
    pub session_id: SessionId,
    /// The token for the requests that follow.
    pub access: AccessToken,
    /// What is exchanged for the next access token.
    pub refresh: SecretString,
}

/// A session that was opened for a browser.
#[derive(Clone, Debug)]
pub struct LoggedInBrowser {
    /// Who logged in.
    pub user: User,
    /// What the cookie says.
    pub cookie: SecretString,
    /// How long the session lasts at the most.
    pub lifetime: Duration,
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The name is unknown, the password is wrong, or the account is disabled; which of them is not told.
    #[error("the username or the password is wrong")]
    InvalidCredentials,
    /// Too many passwords are being compared.
    #[error("too many logins at once")]
    Overloaded,
    /// Too many attempts from that address, or with that account.
    #[error(transparent)]
    Throttled(Throttled),
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// What logging in needs.
#[derive(Clone)]
pub struct LoginPorts {
    /// Accounts.
    pub users: Arc<dyn UserRepository>,
    /// Sessions.
    pub sessions: Arc<dyn SessionRepository>,
    /// Comparing passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Access tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// Refresh tokens and cookies.
    pub opaque: Arc<dyn OpaqueTokens>,
    /// Where ids come from.
    pub ids: Arc<dyn IdGenerator>,
    /// What is written down.
    pub audit: AuditTrail,
}

/// Use case: opening sessions.
#[derive(Clone)]
pub struct LoginService {
    ports: LoginPorts,
    policy: SessionPolicy,
    gate: LoginGate,
}

impl LoginService {
    /// The use case over these ports, where no attempt is too many.
    pub fn new(ports: LoginPorts, policy: SessionPolicy) -> Self {
        Self { ports, policy, gate: LoginGate::open() }
    }

    /// The same, where every attempt has to pass that gate.
    #[must_use]
    pub fn behind(mut self, gate: LoginGate) -> Self {
        self.gate = gate;
        self
    }

    /// Opens a session for whoever knows the password, with tokens for a program.
    ///
    /// An unknown name, a wrong password and a disabled account take the same time and give the same error, and count
    /// the same.
    pub async fn login(&self, credentials: Credentials, client: Client) -> Result<LoggedIn, LoginError> {
        let user = self.check(credentials, &client).await?;
        let refresh = self.ports.opaque.generate()?;
        let session_id = SessionId::generate(&*self.ports.ids);
        let claims = AccessClaims { user_id: user.id, session_id, username: user.username.clone() };
        let access = self.ports.tokens.issue(&claims)?;
        let hash = self.ports.opaque.hash(refresh.expose_secret());
        self.open(NewSession { refresh: Some(hash), ..self.session(session_id, &user, client) }).await?;
        Ok(LoggedIn { user, session_id, access, refresh })
    }

    /// Opens a session for whoever knows the password, with a cookie for a browser.
    pub async fn login_browser(&self, credentials: Credentials, client: Client) -> Result<LoggedInBrowser, LoginError> {
        let user = self.check(credentials, &client).await?;
        let cookie = self.ports.opaque.generate()?;
        let session = self.session(SessionId::generate(&*self.ports.ids), &user, client);
        let lifetime = session.lifetimes.absolute;
        let hash = self.ports.opaque.hash(cookie.expose_secret());
        self.open(NewSession { cookie: Some(hash), ..session }).await?;
        Ok(LoggedInBrowser { user, cookie, lifetime })
    }

    /// Whose credentials they are.
    async fn check(&self, credentials: Credentials, client: &Client) -> Result<User, LoginError> {
        let admission = self.gate.admit(client.ip, &credentials.username).await?;
        let outcome = self.compare(credentials, client).await;
        match &outcome {
            Ok(_) => admission.succeeded().await,
            Err(LoginError::Overloaded) => admission.came_to_nothing().await,
            // A store that fails may do so after the comparison, and must not make guesses free.
            Err(LoginError::InvalidCredentials | LoginError::Throttled(_) | LoginError::Unexpected(_)) => {
                drop(admission);
            }
        }
        outcome
    }

    /// The same, once it is admitted. A refusal is written down.
    async fn compare(&self, credentials: Credentials, client: &Client) -> Result<User, LoginError> {
        let Credentials { username, password } = credentials;
        let account = match Username::try_from(username) {
            Ok(username) => self.ports.users.find_for_login(&username).await?,
            Err(_) => None,
        };
        let (user, hash) = account.unzip();
        let matches = self.matches(password, user.as_ref(), hash).await?;
        match user {
            Some(user) if matches && user.is_active => Ok(user),
            user => {
                let event = self.ports.audit.event(AuditKind::LoginFailed, &Origin::unknown(client.clone()));
                let event = match user {
                    Some(user) => event.about(user.id),
                    None => event,
                };
                self.ports.audit.record(event).await?;
                Err(LoginError::InvalidCredentials)
            }
        }
    }

    /// Whether it is the password; without an account it takes as long to find out.
    async fn matches(
        &self,
        password: SecretString,
        user: Option<&User>,
        hash: Option<HashedPassword>,
    ) -> Result<bool, LoginError> {
        if password.expose_secret().len() > Password::MAX_BYTES {
            return Ok(false);
        }
        let verification = self.ports.hasher.verify(password.clone(), hash.clone()).await?;
        if let (Verification::MatchOutdated, Some(user), Some(hash)) = (verification, user, hash)
            && user.is_active
        {
            // It is no reason to keep its owner out; the next login tries again.
            drop(self.upgrade(user, hash, password).await);
        }
        Ok(verification != Verification::Mismatch)
    }

    fn session(&self, id: SessionId, user: &User, client: Client) -> NewSession {
        let lifetimes = self.policy.lifetimes(user.role);
        NewSession { id, user_id: user.id, client, lifetimes, refresh: None, cookie: None }
    }

    async fn open(&self, session: NewSession) -> Result<(), LoginError> {
        let origin =
            Origin { actor: Some(session.user_id), session_id: Some(session.id), client: session.client.clone() };
        let event = self.ports.audit.event(AuditKind::LoginSucceeded, &origin).about(session.user_id);
        Ok(self.ports.sessions.open(session, event).await?)
    }

    /// A password that today's rules would refuse keeps its old hash: it still is its owner's password.
    async fn upgrade(&self, user: &User, old: HashedPassword, password: SecretString) -> Result<(), LoginError> {
        if let Ok(password) = Password::try_from(password) {
            let new = self.ports.hasher.hash(password).await?;
            self.ports.users.upgrade_hash(user.id, old, new).await?;
        }
        Ok(())
    }
}

impl From<NotAdmitted> for LoginError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Throttled(throttled) => Self::Throttled(throttled),
            NotAdmitted::Overloaded => Self::Overloaded,
        }
    }
}

impl From<HashError> for LoginError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::Unexpected(source) => Self::Unexpected(source),
        }
    }
}
