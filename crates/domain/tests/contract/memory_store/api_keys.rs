use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::api_key::{ApiKey, ApiKeyRepository, FoundApiKey, NewApiKey};
use domain::audit::NewAuditEvent;
use domain::id::{ApiKeyId, UserId};
use domain::page::{ListError, Page, PageRequest};

use super::{MemoryStore, now, page_of};

pub(super) struct KeyRow {
    pub(super) key: NewApiKey,
    pub(super) last_used_at: Option<DateTime<Utc>>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
}

impl KeyRow {
    pub(super) fn is_live(&self) -> bool {
        self.revoked_at.is_none() && self.key.expires_at > now()
    }

    pub(super) fn shown(&self) -> ApiKey {
        ApiKey {
            id: self.key.id,
            name: self.key.name.clone(),
            scopes: self.key.scopes.clone(),
            created_at: self.key.created_at,
            expires_at: self.key.expires_at,
            last_used_at: self.last_used_at,
        }
    }
}

#[async_trait]
impl ApiKeyRepository for MemoryStore {
    async fn create(&self, key: NewApiKey, event: NewAuditEvent) -> Result<(), Unexpected> {
        let mut rows = self.rows();
        rows.keys.insert(key.id, KeyRow { key, last_used_at: None, revoked_at: None });
        rows.record(event);
        Ok(())
    }

    async fn find(&self, id: ApiKeyId) -> Result<Option<FoundApiKey>, Unexpected> {
        let rows = self.rows();
        let Some(row) = rows.keys.get(&id) else { return Ok(None) };
        let (owner, _) = rows.users.get(&row.key.user_id).expect("no user is ever deleted");
        Ok(Some(FoundApiKey {
            id,
            user_id: owner.id,
            username: owner.username.clone(),
            role: owner.role,
            user_is_active: owner.is_active,
            hash: row.key.hash,
            scopes: row.key.scopes.clone(),
            is_live: row.is_live(),
            needs_touch: row.last_used_at.is_none_or(|used| used + FoundApiKey::TOUCH_AFTER < now()),
            created_at: row.key.created_at,
            expires_at: row.key.expires_at,
        }))
    }

    async fn touch(&self, id: ApiKeyId, first: NewAuditEvent) -> Result<(), Unexpected> {
        let mut rows = self.rows();
        if let Some(row) = rows.keys.get_mut(&id)
            && row.last_used_at.replace(now()).is_none()
        {
            rows.record(first);
        }
        Ok(())
    }

    async fn revoke(&self, owner: UserId, id: ApiKeyId, event: NewAuditEvent) -> Result<bool, Unexpected> {
        let mut rows = self.rows();
        let key = rows.keys.get_mut(&id).filter(|row| row.key.user_id == owner && row.revoked_at.is_none());
        let Some(row) = key else { return Ok(false) };
        row.revoked_at = Some(now());
        rows.record(event);
        Ok(true)
    }

    async fn list(&self, owner: UserId, page: PageRequest<ApiKeyId>) -> Result<Page<ApiKey>, ListError> {
        let rows = self.rows();
        let own = rows.keys.values().filter(|row| row.key.user_id == owner).map(KeyRow::shown);
        // The list may go on after a key that has been revoked meanwhile.
        let is_kept = |key: &ApiKey| rows.keys.get(&key.id).is_some_and(|row| row.revoked_at.is_none());
        page_of(own.collect(), page, |key| key.id, |key| (key.created_at, key.id), is_kept)
    }
}
