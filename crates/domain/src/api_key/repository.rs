use async_trait::async_trait;

use super::{ApiKey, FoundApiKey, NewApiKey};
use crate::Unexpected;
use crate::audit::NewAuditEvent;
use crate::id::{ApiKeyId, UserId};
use crate::page::{ListError, Page, PageRequest};

/// Port: API keys at rest. Every method is atomic, and stores the event that comes with it if it changed anything.
/// Whether a key's time is over is told by the store's own clock.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ApiKeyRepository: Send + Sync {
    /// Stores a key.
    async fn create(&self, key: NewApiKey, event: NewAuditEvent) -> Result<(), Unexpected>;

    /// The key, whatever its state, with what its owner may do at this moment.
    async fn find(&self, id: ApiKeyId) -> Result<Option<FoundApiKey>, Unexpected>;

    /// Notes that a key is used. The event is stored with its first use only, however many come at once.
    async fn touch(&self, id: ApiKeyId, first: NewAuditEvent) -> Result<(), Unexpected>;

    /// Revokes a key of that user. `false` if it is revoked already, never was, or is somebody else's.
    ///
    /// Once this has returned, `find` MUST NOT call the key live, through whatever cache.
    async fn revoke(&self, owner: UserId, id: ApiKeyId, event: NewAuditEvent) -> Result<bool, Unexpected>;

    /// The keys of a user that are not revoked, by time of their making.
    async fn list(&self, owner: UserId, page: PageRequest<ApiKeyId>) -> Result<Page<ApiKey>, ListError>;
}
