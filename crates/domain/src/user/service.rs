use std::sync::Arc;

use super::{User, UserRepository};
use crate::Unexpected;
use crate::id::UserId;
use crate::page::{ListError, Page, PageRequest};
use crate::session::Principal;

/// Use case: reading accounts.
#[derive(Clone)]
pub struct AccountService {
    users: Arc<dyn UserRepository>,
}

impl AccountService {
    /// The use case over this port.
    pub fn new(users: Arc<dyn UserRepository>) -> Self {
        Self { users }
    }

    /// The caller's own account; `None` if it has just been deleted.
    pub async fn profile(&self, caller: &Principal) -> Result<Option<User>, Unexpected> {
        self.users.find(caller.user_id).await
    }

    /// All accounts, by time of creation. For the command line: no request reaches it.
    pub async fn accounts(&self, page: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        self.users.list(page).await
    }
}
