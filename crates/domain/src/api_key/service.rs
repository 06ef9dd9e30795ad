use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{ApiKey, ApiKeyRepository, ApiKeySecret, InvalidKeyName, KeyName, NewApiKey};
use crate::Unexpected;
use crate::access::{InvalidScope, Principal, Scopes};
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::clock::Clock;
use crate::id::{ApiKeyId, IdGenerator};
use crate::page::{ListError, Page, PageRequest};
use crate::session::{Client, OpaqueTokens};

/// What its future owner says of a key, as it was said.
#[derive(Clone, Debug)]
pub struct KeyWish {
    /// What it shall be called.
    pub name: String,
    /// What it shall pass on.
    pub scopes: Vec<String>,
    /// Until when it shall be good; 90 days if nothing is said.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that was made. The secret is not to be had again.
#[derive(Clone, Debug)]
pub struct CreatedKey {
    /// The key.
    pub key: ApiKey,
    /// The key as it is sent.
    pub secret: ApiKeySecret,
}

/// Why a key was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// The password was given too long ago, or the caller is no session.
    #[error("the password must be given again")]
    NotFresh,
    /// The wish breaks a rule; each that does is named.
    #[error("the key's details are not valid")]
    Invalid {
        /// What is wrong with the name.
        name: Option<InvalidKeyName>,
        /// What is wrong with the scopes.
        scopes: Option<InvalidScope>,
        /// Whether it would be over already, or last longer than [`ApiKeyService::LONGEST`].
        expires_at: bool,
    },
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: one's own API keys.
#[derive(Clone)]
pub struct ApiKeyService {
    keys: Arc<dyn ApiKeyRepository>,
    opaque: Arc<dyn OpaqueTokens>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    audit: AuditTrail,
}

impl ApiKeyService {
    /// How long a key is good if nothing is said.
    pub const DEFAULT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
    /// How long it may be good.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// The use case over these ports.
    pub fn new(
        keys: Arc<dyn ApiKeyRepository>,
        opaque: Arc<dyn OpaqueTokens>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        audit: AuditTrail,
    ) -> Self {
        Self { keys, opaque, clock, ids, audit }
    }

    /// Makes a key for a caller who has given the password a moment ago.
    pub async fn create(
        &self,
        caller: &Principal,
        wish: KeyWish,
        client: Client,
    ) -> Result<CreatedKey, CreateKeyError> {
        if !caller.is_fresh() {
            return Err(CreateKeyError::NotFresh);
        }
        let created_at = self.clock.now();
        let expires_at = wish.expires_at.unwrap_or(created_at + Self::DEFAULT);
        let lasts_too_long_or_not_at_all = expires_at <= created_at || expires_at > created_at + Self::LONGEST;
        let (name, scopes) = match (KeyName::try_from(wish.name), Scopes::try_from(wish.scopes)) {
            (Ok(name), Ok(scopes)) if !lasts_too_long_or_not_at_all => (name, scopes),
            (name, scopes) => {
                let (name, scopes) = (name.err(), scopes.err());
                return Err(CreateKeyError::Invalid { name, scopes, expires_at: lasts_too_long_or_not_at_all });
            }
        };
        let id = ApiKeyId::generate(&*self.ids);
        let secret = ApiKeySecret::new(id, &self.opaque.generate()?, &*self.opaque);
        let event = self.audit.event(AuditKind::KeyCreated, &Origin::of(caller, client)).about(caller.user_id);
        let event = event.concerning(id.as_uuid()).saying(scopes.to_string());
        let hash = secret.hash(&*self.opaque);
        let user_id = caller.user_id;
        let key = ApiKey { id, name, scopes, created_at, expires_at, last_used_at: None };
        let (name, scopes) = (key.name.clone(), key.scopes.clone());
        self.keys.create(NewApiKey { id, user_id, name, hash, scopes, created_at, expires_at }, event).await?;
        Ok(CreatedKey { key, secret })
    }

    /// The caller's keys that are not revoked, by time of their making.
    pub async fn list(&self, caller: &Principal, page: PageRequest<ApiKeyId>) -> Result<Page<ApiKey>, ListError> {
        self.keys.list(caller.user_id, page).await
    }

    /// Revokes one of the caller's keys. `false` if there is none of that id, or it is somebody else's.
    ///
    /// It needs no password: whoever holds the session may take power away.
    pub async fn revoke(&self, caller: &Principal, id: ApiKeyId, client: Client) -> Result<bool, Unexpected> {
        let event = self.audit.event(AuditKind::KeyRevoked, &Origin::of(caller, client)).about(caller.user_id);
        self.keys.revoke(caller.user_id, id, event.concerning(id.as_uuid())).await
    }
}
