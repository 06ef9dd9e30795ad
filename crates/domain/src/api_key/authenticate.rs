use std::sync::Arc;

use super::{ApiKeyRepository, ApiKeySecret, FoundApiKey};
use crate::access::{Credential, Principal};
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::id::ApiKeyId;
use crate::session::{AuthenticateError, OpaqueTokens, TokenHash};

/// Use case: finding out whose key a request was made with.
#[derive(Clone)]
pub struct ApiKeyAuthenticator {
    keys: Arc<dyn ApiKeyRepository>,
    opaque: Arc<dyn OpaqueTokens>,
    audit: AuditTrail,
}

impl ApiKeyAuthenticator {
    /// The use case over these ports.
    pub fn new(keys: Arc<dyn ApiKeyRepository>, opaque: Arc<dyn OpaqueTokens>, audit: AuditTrail) -> Self {
        Self { keys, opaque, audit }
    }

    /// Whoever owns the key, if it is one, and live.
    pub(crate) async fn authenticate(&self, text: &str) -> Result<Principal, AuthenticateError> {
        let (id, hash) = ApiKeySecret::parse(text, &*self.opaque).ok_or(AuthenticateError::Unknown)?;
        let found = self.keys.find(id).await?.filter(|key| is_same(key.hash, hash));
        self.used(found.ok_or(AuthenticateError::Unknown)?).await
    }

    /// Whoever owns the key of that id, if it is live.
    pub(crate) async fn find(&self, id: ApiKeyId) -> Result<Principal, AuthenticateError> {
        self.used(self.keys.find(id).await?.ok_or(AuthenticateError::Unknown)?).await
    }

    async fn used(&self, key: FoundApiKey) -> Result<Principal, AuthenticateError> {
        if !key.is_usable() {
            return Err(AuthenticateError::Ended);
        }
        if key.needs_touch {
            let origin = Origin { actor: Some(key.user_id), ..Origin::default() };
            let first = self.audit.event(AuditKind::KeyFirstUsed, &origin).about(key.user_id);
            self.keys.touch(key.id, first.concerning(key.id.as_uuid())).await?;
        }
        Ok(Principal {
            user_id: key.user_id,
            username: key.username,
            role: key.role,
            credential: Credential::ApiKey { id: key.id, scopes: key.scopes },
        })
    }
}

/// Without telling by its time how much of it is right. (What is compared are hashes of 256 random bits.)
fn is_same(TokenHash(one): TokenHash, TokenHash(other): TokenHash) -> bool {
    one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
