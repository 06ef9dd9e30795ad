use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::Unexpected;
use crate::id::{SessionId, UserId};
use crate::user::Username;

/// What an access token says. It gives no right by itself: rights are read with the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose token it is (`sub`).
    pub user_id: UserId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The user's name, for display.
    pub username: Username,
}

/// What an access token that was accepted says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// What it says of its owner.
    pub claims: AccessClaims,
    /// The token's own id (`jti`).
    pub id: Uuid,
    /// When it was made (`iat`).
    pub issued_at: DateTime<Utc>,
    /// Until when it is valid (`exp`).
    pub expires_at: DateTime<Utc>,
}

/// A signed token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token as it is sent.
    pub token: SecretString,
    /// How long it is valid from now.
    pub expires_in: Duration,
}

/// Why a token was not accepted. Which of its rules a token breaks is nobody's business but the log's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It is no token of ours.
    #[error("the token is not valid: {0}")]
    Invalid(String),
}

/// Port: access tokens (RFC 9068: a JWT of type `at+jwt`).
///
/// An implementation MUST accept only the algorithms it signs with, MUST require every claim that it
/// writes, and MUST refuse a token that is a second past its leeway.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// Signs a new token.
    fn issue(&self, claims: &AccessClaims) -> Result<AccessToken, Unexpected>;

    /// What the token says, if it is one of ours and still valid.
    fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError>;
}
