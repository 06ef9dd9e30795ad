use std::sync::Arc;

use super::{Principal, Session, SessionRepository, SessionState, TokenError, TokenIssuer};
use crate::Unexpected;

/// Why a request's credentials were not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is no token of ours, or its time is over.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is sound, but its session is over, or its user may do nothing any more.
    #[error("the session has ended")]
    SessionEnded,
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: finding out who makes a request.
#[derive(Clone)]
pub struct AuthenticationService {
    tokens: Arc<dyn TokenIssuer>,
    sessions: Arc<dyn SessionRepository>,
}

impl AuthenticationService {
    /// The use case over these ports.
    pub fn new(tokens: Arc<dyn TokenIssuer>, sessions: Arc<dyn SessionRepository>) -> Self {
        Self { tokens, sessions }
    }

    /// Whoever the token was given to, if their session is live and their account active.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, AuthenticateError> {
        let claims = self.tokens.verify(token)?;
        match self.sessions.find(claims.session_id).await? {
            Some(session) if is_usable(&session) && session.user_id == claims.user_id => Ok(Principal {
                user_id: session.user_id,
                username: session.username,
                role: session.role,
                session_id: Some(session.id),
            }),
            Some(_) | None => Err(AuthenticateError::SessionEnded),
        }
    }
}

fn is_usable(session: &Session) -> bool {
    session.user_is_active && session.state == SessionState::Live
}
