use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::access::CredentialId;
use domain::audit::NewAuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::{ListError, Page, PageRequest};
use domain::user::{
    CreateUserError, HashedPassword, ImportedUser, NewUser, ProfileChange, RightsChange, Role, User, UserFilter,
    UserRepository, Username,
};
use moka::sync::Cache;

use super::{CAPACITY, Revocations};

/// A user repository in front of another, which it asks at most once per account and moment.
///
/// It is for showing accounts. Whether one may log in is always looked up, and no right is read from here: rights
/// come with the session. What ends with a change is told to those that remember sessions and keys.
pub struct CachedUsers {
    inner: Arc<dyn UserRepository>,
    found: Cache<UserId, User>,
    revocations: Revocations,
}

impl CachedUsers {
    /// Remembers what `inner` says for so long.
    pub fn new(inner: Arc<dyn UserRepository>, moment: Duration, revocations: Revocations) -> Self {
        let found = Cache::builder().max_capacity(CAPACITY).time_to_live(moment).build();
        Self { inner, found, revocations }
    }

    fn changed(&self, id: UserId) {
        self.found.invalidate(&id);
        self.revocations.changed(id);
    }

    fn rights_changed(&self, id: UserId, change: &Result<RightsChange, Unexpected>) {
        self.changed(id);
        if let Ok(RightsChange::Made(ended)) = change {
            for credential in ended {
                self.revocations.over(*credential);
            }
        }
    }
}

#[async_trait]
impl UserRepository for CachedUsers {
    async fn create(&self, user: NewUser, event: NewAuditEvent) -> Result<(), CreateUserError> {
        self.inner.create(user, event).await
    }

    async fn import(&self, user: ImportedUser, event: NewAuditEvent) -> Result<(), CreateUserError> {
        self.inner.import(user, event).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, Unexpected> {
        if let Some(user) = self.found.get(&id)
            && self.revocations.is_unchanged(id)
        {
            return Ok(Some(user));
        }
        let found = self.inner.find(id).await?;
        if let Some(user) = &found {
            self.found.insert(id, user.clone());
        }
        Ok(found)
    }

    async fn find_for_login(&self, username: &Username) -> Result<Option<(User, HashedPassword)>, Unexpected> {
        self.inner.find_for_login(username).await
    }

    async fn upgrade_hash(&self, id: UserId, old: HashedPassword, new: HashedPassword) -> Result<(), Unexpected> {
        self.inner.upgrade_hash(id, old, new).await
    }

    async fn change_profile(
        &self,
        id: UserId,
        change: ProfileChange,
        event: NewAuditEvent,
    ) -> Result<Option<User>, CreateUserError> {
        let changed = self.inner.change_profile(id, change, event).await;
        self.changed(id);
        changed
    }

    async fn set_password(
        &self,
        id: UserId,
        hash: HashedPassword,
        keep: Option<SessionId>,
        event: NewAuditEvent,
    ) -> Result<Option<Vec<SessionId>>, Unexpected> {
        let ended = self.inner.set_password(id, hash, keep, event).await;
        self.changed(id);
        for session in ended.iter().flatten().flatten() {
            self.revocations.over(CredentialId::Session(*session));
        }
        ended
    }

    async fn set_role(&self, id: UserId, role: Role, event: NewAuditEvent) -> Result<RightsChange, Unexpected> {
        let change = self.inner.set_role(id, role, event).await;
        self.rights_changed(id, &change);
        change
    }

    async fn set_active(&self, id: UserId, is_active: bool, event: NewAuditEvent) -> Result<RightsChange, Unexpected> {
        let change = self.inner.set_active(id, is_active, event).await;
        self.rights_changed(id, &change);
        change
    }

    async fn list(&self, filter: UserFilter, page: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        self.inner.list(filter, page).await
    }
}
