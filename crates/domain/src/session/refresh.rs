use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{
    AccessClaims, AccessToken, Client, Exchange, OpaqueTokens, Rotation, Session, SessionRepository, TokenIssuer,
};
use crate::Unexpected;
use crate::audit::{AuditKind, AuditTrail, Origin};

/// The next tokens of a session.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The session.
    pub session: Session,
    /// The token for the requests that follow.
    pub access: AccessToken,
    /// What is exchanged for the next one.
    pub refresh: SecretString,
}

/// Why there are no next tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// There is no such token, it was used before, or its session is over; which of them is not told.
    #[error("the refresh token is not valid")]
    InvalidToken,
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: going on with a session (RFC 6749 §6, with the rotation of RFC 9700 §4.14.2).
#[derive(Clone)]
pub struct RefreshService {
    sessions: Arc<dyn SessionRepository>,
    tokens: Arc<dyn TokenIssuer>,
    opaque: Arc<dyn OpaqueTokens>,
    audit: AuditTrail,
}

impl RefreshService {
    /// How long a token may come again after it was exchanged: its answer may have been lost, or two tabs have sent it at
    /// once. Whoever comes gets the same successor.
    pub const GRACE: Duration = Duration::from_secs(30);

    /// The use case over these ports.
    pub fn new(
        sessions: Arc<dyn SessionRepository>,
        tokens: Arc<dyn TokenIssuer>,
        opaque: Arc<dyn OpaqueTokens>,
        audit: AuditTrail,
    ) -> Self {
        Self { sessions, tokens, opaque, audit }
    }

    /// Exchanges the token for the next ones. A token that was used before ends its session: either its owner or a thief
    /// has the other one.
    pub async fn refresh(&self, presented: &str, client: Client) -> Result<Refreshed, RefreshError> {
        let refresh = self.opaque.successor(presented);
        let exchange = Exchange {
            presented: self.opaque.hash(presented),
            successor: self.opaque.hash(refresh.expose_secret()),
            grace: Self::GRACE,
            reuse: self.audit.event(AuditKind::RefreshReused, &Origin::unknown(client)),
        };
        let Rotation::Rotated(session) = self.sessions.rotate(exchange).await? else {
            return Err(RefreshError::InvalidToken);
        };
        let claims =
            AccessClaims { user_id: session.user_id, session_id: session.id, username: session.username.clone() };
        let access = self.tokens.issue(&claims)?;
        Ok(Refreshed { session, access, refresh })
    }
}
