use async_trait::async_trait;

use super::{HashedPassword, NewUser, User, Username};
use crate::Unexpected;
use crate::id::UserId;
use crate::page::{ListError, Page, PageRequest};

/// Why an account could not be made. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Somebody has that name, in whatever case.
    #[error("the username is taken")]
    UsernameTaken,
    /// Somebody has that address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The store failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Port: accounts at rest. Every method is atomic.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Stores an account. A name that is taken (without regard to case) MUST be
    /// [`CreateUserError::UsernameTaken`], an address that is taken [`CreateUserError::EmailTaken`], also
    /// when two callers come at once.
    async fn create(&self, user: NewUser) -> Result<(), CreateUserError>;

    /// The account, active or not.
    async fn find(&self, id: UserId) -> Result<Option<User>, Unexpected>;

    /// The account with that name, without regard to case, and the hash of its password.
    async fn find_for_login(&self, username: &Username) -> Result<Option<(User, HashedPassword)>, Unexpected>;

    /// Puts `new` in the place of `old`; a hash that is no longer `old` stays as it is, and that is no error.
    async fn upgrade_hash(&self, id: UserId, old: HashedPassword, new: HashedPassword) -> Result<(), Unexpected>;

    /// Accounts by time of creation.
    async fn list(&self, page: PageRequest<UserId>) -> Result<Page<User>, ListError>;
}
