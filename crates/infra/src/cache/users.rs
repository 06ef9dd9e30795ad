use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::id::UserId;
use domain::page::{ListError, Page, PageRequest};
use domain::user::{CreateUserError, HashedPassword, NewUser, User, UserRepository, Username};
use moka::sync::Cache;

use super::CAPACITY;

/// A user repository in front of another, which it asks at most once per account and moment.
///
/// It is for showing accounts. Whether one may log in is always looked up, and no right is read from here: rights
/// come with the session.
pub struct CachedUsers {
    inner: Arc<dyn UserRepository>,
    found: Cache<UserId, User>,
}

impl CachedUsers {
    /// Remembers what `inner` says for so long.
    pub fn new(inner: Arc<dyn UserRepository>, moment: Duration) -> Self {
        Self { inner, found: Cache::builder().max_capacity(CAPACITY).time_to_live(moment).build() }
    }
}

#[async_trait]
impl UserRepository for CachedUsers {
    async fn create(&self, user: NewUser) -> Result<(), CreateUserError> {
        self.inner.create(user).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, Unexpected> {
        if let Some(user) = self.found.get(&id) {
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

    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        self.inner.list(page).await
    }
}
