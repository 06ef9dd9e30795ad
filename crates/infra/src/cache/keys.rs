use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::api_key::{ApiKey, ApiKeyRepository, FoundApiKey, NewApiKey};
use domain::audit::NewAuditEvent;
use domain::id::{ApiKeyId, UserId};
use domain::page::{ListError, Page, PageRequest};
use moka::sync::Cache;

use super::{CAPACITY, Revocations};

/// A repository of API keys in front of another, which it asks at most once per key and moment. Only live keys are
/// remembered.
pub struct CachedKeys {
    inner: Arc<dyn ApiKeyRepository>,
    live: Cache<ApiKeyId, FoundApiKey>,
    revocations: Revocations,
}

impl CachedKeys {
    /// Remembers what `inner` says for so long.
    pub fn new(inner: Arc<dyn ApiKeyRepository>, moment: Duration, revocations: Revocations) -> Self {
        let live = Cache::builder().max_capacity(CAPACITY).time_to_live(moment).build();
        Self { inner, live, revocations }
    }
}

#[async_trait]
impl ApiKeyRepository for CachedKeys {
    async fn create(&self, key: NewApiKey, event: NewAuditEvent) -> Result<(), Unexpected> {
        self.inner.create(key, event).await
    }

    async fn find(&self, id: ApiKeyId) -> Result<Option<FoundApiKey>, Unexpected> {
        if let Some(key) = self.live.get(&id)
            && self.revocations.is_trusted(CredentialId::ApiKey(id), key.user_id)
        {
            return Ok(Some(key));
        }
        let found = self.inner.find(id).await?;
        if let Some(key) = found.as_ref().filter(|key| key.is_usable()) {
            // Whoever asked for it just now notes that it is used.
            self.live.insert(id, FoundApiKey { needs_touch: false, ..key.clone() });
        }
        Ok(found)
    }

    async fn touch(&self, id: ApiKeyId, first: NewAuditEvent) -> Result<(), Unexpected> {
        self.inner.touch(id, first).await
    }

    async fn revoke(&self, owner: UserId, id: ApiKeyId, event: NewAuditEvent) -> Result<bool, Unexpected> {
        let revoked = self.inner.revoke(owner, id, event).await;
        match revoked {
            Ok(true) => self.revocations.over(CredentialId::ApiKey(id)),
            // It may have been revoked elsewhere a moment ago, or here, and the answer was lost.
            Ok(false) | Err(_) => self.revocations.doubt(CredentialId::ApiKey(id)),
        }
        revoked
    }

    async fn list(&self, owner: UserId, page: PageRequest<ApiKeyId>) -> Result<Page<ApiKey>, ListError> {
        self.inner.list(owner, page).await
    }
}
