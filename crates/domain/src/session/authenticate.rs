use std::sync::Arc;

use super::{OpaqueTokens, Session, SessionRepository, TicketRepository, TokenError, TokenIssuer};
use crate::Unexpected;
use crate::access::{Credential, CredentialId, Principal};
use crate::api_key::{ApiKeyAuthenticator, ApiKeySecret};
use crate::id::{SessionId, UserId};

/// Why a request's credentials were not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is no token of ours, or its time is over.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The credential is sound, but its session or key is over, or its user may do nothing any more.
    #[error("the session or the key has ended")]
    Ended,
    /// There is no such cookie, key or ticket.
    #[error("there is no such credential")]
    Unknown,
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: finding out who makes a request.
#[derive(Clone)]
pub struct AuthenticationService {
    tokens: Arc<dyn TokenIssuer>,
    sessions: Arc<dyn SessionRepository>,
    keys: ApiKeyAuthenticator,
    tickets: Arc<dyn TicketRepository>,
    opaque: Arc<dyn OpaqueTokens>,
}

impl AuthenticationService {
    /// The use case over these ports.
    pub fn new(
        tokens: Arc<dyn TokenIssuer>,
        sessions: Arc<dyn SessionRepository>,
        keys: ApiKeyAuthenticator,
        tickets: Arc<dyn TicketRepository>,
        opaque: Arc<dyn OpaqueTokens>,
    ) -> Self {
        Self { tokens, sessions, keys, tickets, opaque }
    }

    /// Whoever the access token or the API key was given to.
    pub async fn bearer(&self, token: &str) -> Result<Principal, AuthenticateError> {
        if ApiKeySecret::looks_like_one(token) {
            return self.keys.authenticate(token).await;
        }
        let claims = self.tokens.verify(token)?.claims;
        self.session(claims.session_id, Some(claims.user_id)).await
    }

    /// Whoever the cookie was given to.
    pub async fn cookie(&self, secret: &str) -> Result<Principal, AuthenticateError> {
        let session = self.sessions.find_by_cookie(self.opaque.hash(secret)).await?;
        self.session(session.ok_or(AuthenticateError::Unknown)?, None).await
    }

    /// Whoever the ticket was given to; it is used up by this.
    pub async fn ticket(&self, ticket: &str) -> Result<Principal, AuthenticateError> {
        match self.tickets.redeem(self.opaque.hash(ticket)).await? {
            Some(CredentialId::Session(session)) => self.session(session, None).await,
            Some(CredentialId::ApiKey(key)) => self.keys.find(key).await,
            None => Err(AuthenticateError::Unknown),
        }
    }

    async fn session(&self, id: SessionId, of: Option<UserId>) -> Result<Principal, AuthenticateError> {
        let session = self.sessions.find(id).await?.filter(Session::is_usable);
        let session =
            session.filter(|session| of.is_none_or(|user| user == session.user_id)).ok_or(AuthenticateError::Ended)?;
        if session.needs_touch {
            self.sessions.touch(id).await?;
        }
        Ok(Principal {
            user_id: session.user_id,
            username: session.username,
            role: session.role,
            credential: Credential::Session { id, is_fresh: session.is_fresh },
        })
    }
}
