use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{AccessClaims, AccessToken, Client, EndReason, NewSession, Principal, SessionRepository, TokenIssuer};
use crate::Unexpected;
use crate::id::{IdGenerator, SessionId};
use crate::user::{HashError, HashedPassword, Password, PasswordHasher, User, UserRepository, Username, Verification};

/// What somebody who wants to log in tells.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name, as it was typed.
    pub username: String,
    /// The password, as it was typed.
    pub password: SecretString,
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Who logged in.
    pub user: User,
    /// The session.
    pub session_id: SessionId,
    /// The token for the requests that follow.
    pub access: AccessToken,
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
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: opening and ending sessions.
#[derive(Clone)]
pub struct LoginService {
    users: Arc<dyn UserRepository>,
    sessions: Arc<dyn SessionRepository>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: Arc<dyn TokenIssuer>,
    ids: Arc<dyn IdGenerator>,
    session_lifetime: Duration,
}

impl LoginService {
    /// The use case over these ports; a session lasts `session_lifetime` at the most.
    pub fn new(
        users: Arc<dyn UserRepository>,
        sessions: Arc<dyn SessionRepository>,
        hasher: Arc<dyn PasswordHasher>,
        tokens: Arc<dyn TokenIssuer>,
        ids: Arc<dyn IdGenerator>,
        session_lifetime: Duration,
    ) -> Self {
        Self { users, sessions, hasher, tokens, ids, session_lifetime }
    }

    /// Opens a session for whoever knows the password.
    ///
    /// An unknown name, a wrong password and a disabled account take the same time and give the same error.
    pub async fn login(&self, credentials: Credentials, client: Client) -> Result<LoggedIn, LoginError> {
        let Credentials { username, password } = credentials;
        if password.expose_secret().len() > Password::MAX_BYTES {
            return Err(LoginError::InvalidCredentials);
        }
        let account = match Username::try_from(username) {
            Ok(username) => self.users.find_for_login(&username).await?,
            Err(_) => None,
        };
        let hash = account.as_ref().map(|(_, hash)| hash.clone());
        let verification = self.hasher.verify(password.clone(), hash).await?;
        match (account, verification) {
            (None, _) | (_, Verification::Mismatch) => Err(LoginError::InvalidCredentials),
            (Some((user, _)), _) if !user.is_active => Err(LoginError::InvalidCredentials),
            (Some((user, hash)), Verification::MatchOutdated) => {
                // It is no reason to keep its owner out; the next login tries again.
                drop(self.upgrade(&user, hash, password).await);
                self.open(user, client).await
            }
            (Some((user, _)), Verification::Match) => self.open(user, client).await,
        }
    }

    /// Ends the principal's session. A principal without one (an API key) has nothing to end.
    pub async fn logout(&self, principal: &Principal) -> Result<(), Unexpected> {
        match principal.session_id {
            Some(session) => self.sessions.end(session, EndReason::Logout).await,
            None => Ok(()),
        }
    }

    async fn open(&self, user: User, client: Client) -> Result<LoggedIn, LoginError> {
        let session_id = SessionId::generate(&*self.ids);
        let claims = AccessClaims { user_id: user.id, session_id, username: user.username.clone() };
        let access = self.tokens.issue(&claims)?;
        let lifetime = self.session_lifetime;
        self.sessions.open(NewSession { id: session_id, user_id: user.id, client, lifetime }).await?;
        Ok(LoggedIn { user, session_id, access })
    }

    /// A password that today's rules would refuse keeps its old hash: it still is its owner's password.
    async fn upgrade(&self, user: &User, old: HashedPassword, password: SecretString) -> Result<(), LoginError> {
        if let Ok(password) = Password::try_from(password) {
            let new = self.hasher.hash(password).await?;
            self.users.upgrade_hash(user.id, old, new).await?;
        }
        Ok(())
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
