use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Client, EndReason, OpaqueTokens, Session, SessionRepository, TokenError, TokenIssuer};
use crate::Unexpected;
use crate::access::Scopes;
use crate::api_key::{ApiKeyRepository, ApiKeySecret, FoundApiKey};
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::id::{SessionId, UserId};
use crate::user::Username;

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
    /// An API key.
    ApiKey,
}

/// What is known of a token that can be used (RFC 7662 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// What kind it is.
    pub kind: TokenKind,
    /// Whose it is.
    pub user_id: UserId,
    /// What they are called now.
    pub username: Username,
    /// The session it belongs to, if it does to one.
    pub session_id: Option<SessionId>,
    /// What it passes on, if that is limited.
    pub scopes: Option<Scopes>,
    /// When it was made, where that is known.
    pub issued_at: Option<DateTime<Utc>>,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
}

/// Use case: telling what a token is worth (RFC 7662), and taking it out of use (RFC 7009).
#[derive(Clone)]
pub struct IntrospectionService {
    tokens: Arc<dyn TokenIssuer>,
    sessions: Arc<dyn SessionRepository>,
    keys: Arc<dyn ApiKeyRepository>,
    opaque: Arc<dyn OpaqueTokens>,
    audit: AuditTrail,
}

/// A token that was found, usable or not.
enum Found {
    Session { kind: TokenKind, session: Session, issued_at: Option<DateTime<Utc>>, expires_at: DateTime<Utc> },
    ApiKey(FoundApiKey),
}

impl IntrospectionService {
    /// The use case over these ports.
    pub fn new(
        tokens: Arc<dyn TokenIssuer>,
        sessions: Arc<dyn SessionRepository>,
        keys: Arc<dyn ApiKeyRepository>,
        opaque: Arc<dyn OpaqueTokens>,
        audit: AuditTrail,
    ) -> Self {
        Self { tokens, sessions, keys, opaque, audit }
    }

    /// What the token is worth; `None` if it is worth nothing, for whatever reason.
    pub async fn introspect(&self, token: &str) -> Result<Option<Introspection>, Unexpected> {
        Ok(match self.find(token).await? {
            Some(Found::Session { kind, session, issued_at, expires_at }) if session.is_usable() => {
                Some(Introspection {
                    kind,
                    user_id: session.user_id,
                    username: session.username,
                    session_id: Some(session.id),
                    scopes: None,
                    issued_at,
                    expires_at,
                })
            }
            Some(Found::ApiKey(key)) if key.is_usable() => Some(Introspection {
                kind: TokenKind::ApiKey,
                user_id: key.user_id,
                username: key.username,
                session_id: None,
                scopes: Some(key.scopes),
                issued_at: Some(key.created_at),
                expires_at: key.expires_at,
            }),
            Some(Found::Session { .. } | Found::ApiKey(_)) | None => None,
        })
    }

    /// Ends the session of an access or a refresh token, or revokes an API key. Whoever has a token may take it out of
    /// use; one that is not known is no error (RFC 7009 §2.2).
    pub async fn revoke(&self, token: &str, client: Client) -> Result<(), Unexpected> {
        let event = |kind| self.audit.event(kind, &Origin::unknown(client.clone()));
        match self.find(token).await? {
            Some(Found::Session { session, .. }) => {
                let event = event(AuditKind::SessionRevoked).about(session.user_id).concerning(session.id.as_uuid());
                self.sessions.end(session.user_id, session.id, EndReason::Revoked, event).await?;
            }
            Some(Found::ApiKey(key)) => {
                let event = event(AuditKind::KeyRevoked).about(key.user_id).concerning(key.id.as_uuid());
                self.keys.revoke(key.user_id, key.id, event).await?;
            }
            None => {}
        }
        Ok(())
    }

    async fn find(&self, token: &str) -> Result<Option<Found>, Unexpected> {
        if let Some((id, hash)) = ApiKeySecret::parse(token, &*self.opaque) {
            let key = self.keys.find(id).await?.filter(|key| key.hash == hash);
            return Ok(key.map(Found::ApiKey));
        }
        match self.tokens.verify(token) {
            Ok(verified) => {
                let claims = verified.claims;
                let session = self.sessions.find(claims.session_id).await?;
                let session = session.filter(|session| session.user_id == claims.user_id);
                let (issued_at, expires_at) = (Some(verified.issued_at), verified.expires_at);
                Ok(session.map(|session| Found::Session { kind: TokenKind::Access, session, issued_at, expires_at }))
            }
            Err(TokenError::Expired) => Ok(None),
            Err(TokenError::Invalid(_)) => {
                let refresh = self.sessions.find_refresh(self.opaque.hash(token)).await?;
                Ok(refresh.filter(|token| token.is_current).map(|token| {
                    let expires_at = token.session.expires_at;
                    Found::Session { kind: TokenKind::Refresh, session: token.session, issued_at: None, expires_at }
                }))
            }
        }
    }
}
