use async_trait::async_trait;

use super::{Email, HashedPassword, ImportedUser, NewUser, Role, User, Username};
use crate::Unexpected;
use crate::access::CredentialId;
use crate::audit::NewAuditEvent;
use crate::id::{SessionId, UserId};
use crate::page::{ListError, Page, PageRequest};

/// Why an account could not be made, or not be changed so. Nothing was stored.
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

/// What is to become of an account's details; what is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The new name.
    pub username: Option<Username>,
    /// The new address.
    pub email: Option<Email>,
}

/// Which accounts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Those whose name or address has this in it, in whatever case.
    pub text: Option<String>,
    /// Those with that role.
    pub role: Option<Role>,
    /// Those that are active, or those that are not.
    pub is_active: Option<bool>,
}

/// What came of a change of what an account may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RightsChange {
    /// It was made; these credentials were live and are over.
    Made(Vec<CredentialId>),
    /// It was so already.
    Unchanged,
    /// There is no such account.
    NotFound,
    /// It is the last active administrator.
    LastAdmin,
}

/// Port: accounts at rest. Every method is atomic, and stores the event that comes with it if it changed anything.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Stores an account. A name that is taken (without regard to case) MUST be
    /// [`CreateUserError::UsernameTaken`], an address that is taken [`CreateUserError::EmailTaken`], also
    /// when two callers come at once.
    async fn create(&self, user: NewUser, event: NewAuditEvent) -> Result<(), CreateUserError>;

    /// Stores an account of another system as it was there. What is taken MUST be told as by `create`.
    async fn import(&self, user: ImportedUser, event: NewAuditEvent) -> Result<(), CreateUserError>;

    /// The account, active or not.
    async fn find(&self, id: UserId) -> Result<Option<User>, Unexpected>;

    /// The account with that name, without regard to case, and the hash of its password.
    async fn find_for_login(&self, username: &Username) -> Result<Option<(User, HashedPassword)>, Unexpected>;

    /// Puts `new` in the place of `old`; a hash that is no longer `old` stays as it is, and that is no error.
    async fn upgrade_hash(&self, id: UserId, old: HashedPassword, new: HashedPassword) -> Result<(), Unexpected>;

    /// Changes an account's details and returns it as it is now; `None` if there is no such account. Names and addresses
    /// that are taken are refused as in [`UserRepository::create`].
    async fn change_profile(
        &self,
        id: UserId,
        change: ProfileChange,
        event: NewAuditEvent,
    ) -> Result<Option<User>, CreateUserError>;

    /// Sets the password and ends all sessions but `keep`, which are returned; `None` if there is no such account.
    /// Nobody may find them live afterwards.
    async fn set_password(
        &self,
        id: UserId,
        hash: HashedPassword,
        keep: Option<SessionId>,
        event: NewAuditEvent,
    ) -> Result<Option<Vec<SessionId>>, Unexpected>;

    /// Sets the role, and ends all sessions: they were opened for the rights of before. The last active administrator
    /// MUST stay one, also when two are demoted at once.
    async fn set_role(&self, id: UserId, role: Role, event: NewAuditEvent) -> Result<RightsChange, Unexpected>;

    /// Disables an account, or enables it again. Disabling ends all sessions, leaves no key usable, and stops the turns
    /// that run; the last active administrator MUST stay active, also when two are disabled at once.
    async fn set_active(&self, id: UserId, is_active: bool, event: NewAuditEvent) -> Result<RightsChange, Unexpected>;

    /// Accounts by time of creation.
    async fn list(&self, filter: UserFilter, page: PageRequest<UserId>) -> Result<Page<User>, ListError>;
}
