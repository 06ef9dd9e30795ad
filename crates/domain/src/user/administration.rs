use std::sync::Arc;

use secrecy::SecretString;

use super::{
    HashError, InvalidPassword, NewAccount, Password, PasswordHasher, RegisterError, RegistrationService, RightsChange,
    Role, User, UserFilter, UserRepository, Username, guessable,
};
use crate::Unexpected;
use crate::access::Principal;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::id::{SessionId, UserId};
use crate::page::{ListError, Page, PageRequest};
use crate::session::{EndReason, SessionEntry, SessionRepository};

/// Who changes other people's accounts.
#[derive(Clone, Debug)]
pub struct Administrator {
    origin: Origin,
    is_fresh: bool,
}

impl Administrator {
    /// A caller whose request may manage users.
    pub fn of(caller: &Principal, client: crate::session::Client) -> Self {
        Self { origin: Origin::of(caller, client), is_fresh: caller.is_fresh() }
    }

    /// Whoever sits at the machine.
    pub fn command_line() -> Self {
        Self { origin: Origin::command_line(), is_fresh: true }
    }

    /// What is written down of them.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The administrator gave the password too long ago.
    #[error("the password must be given again")]
    NotFresh,
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// Somebody must be left who can manage accounts.
    #[error("it is the last administrator")]
    LastAdmin,
    /// The password breaks a rule.
    #[error("the password {0}")]
    Password(#[from] InvalidPassword),
    /// Too many passwords are being hashed.
    #[error("too many passwords are being hashed")]
    Overloaded,
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateAccountError {
    /// It would be an administrator's, and the one who makes it gave the password too long ago.
    #[error("the password must be given again")]
    NotFresh,
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] RegisterError),
}

/// Use case: other people's accounts.
#[derive(Clone)]
pub struct AdministrationService {
    users: Arc<dyn UserRepository>,
    sessions: Arc<dyn SessionRepository>,
    hasher: Arc<dyn PasswordHasher>,
    registration: RegistrationService,
    audit: AuditTrail,
}

impl AdministrationService {
    /// The use case over these ports.
    pub fn new(
        users: Arc<dyn UserRepository>,
        sessions: Arc<dyn SessionRepository>,
        hasher: Arc<dyn PasswordHasher>,
        registration: RegistrationService,
        audit: AuditTrail,
    ) -> Self {
        Self { users, sessions, hasher, registration, audit }
    }

    /// Accounts by time of creation.
    pub async fn list(&self, filter: UserFilter, page: PageRequest<UserId>) -> Result<Page<User>, ListError> {
        self.users.list(filter, page).await
    }

    /// Makes an account with that role.
    pub async fn create(
        &self,
        by: &Administrator,
        account: NewAccount,
        role: Role,
    ) -> Result<User, CreateAccountError> {
        if role != Role::User && !by.is_fresh {
            return Err(CreateAccountError::NotFresh);
        }
        Ok(self.registration.register(account, role, &by.origin).await?)
    }

    /// An account. That it was read is written down.
    pub async fn read(&self, by: &Administrator, id: UserId) -> Result<Option<User>, Unexpected> {
        let user = self.users.find(id).await?;
        if user.is_some() {
            self.note_reading(by, id, "account").await?;
        }
        Ok(user)
    }

    /// The account of that name, without regard to case. For whoever sits at the machine and knows names, not ids.
    pub async fn named(&self, name: &Username) -> Result<Option<User>, Unexpected> {
        Ok(self.users.find_for_login(name).await?.map(|(user, _)| user))
    }

    /// Somebody's live sessions. That they were read is written down.
    pub async fn sessions(
        &self,
        by: &Administrator,
        id: UserId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<SessionEntry>, ListError> {
        self.users.find(id).await?.ok_or(ListError::NotFound)?;
        let sessions = self.sessions.list(id, page).await?;
        self.note_reading(by, id, "sessions").await?;
        Ok(sessions)
    }

    /// Ends all of somebody's sessions, and returns how many there were.
    pub async fn end_sessions(&self, by: &Administrator, id: UserId) -> Result<usize, AdministrationError> {
        self.users.find(id).await?.ok_or(AdministrationError::NotFound)?;
        let event = self.audit.event(AuditKind::SessionsEnded, &by.origin).about(id);
        Ok(self.sessions.end_all(id, None, EndReason::ByAdmin, event).await?.len())
    }

    /// Gives somebody another role. Their sessions end.
    pub async fn set_role(&self, by: &Administrator, id: UserId, role: Role) -> Result<(), AdministrationError> {
        by.must_be_fresh()?;
        let event = self.audit.event(AuditKind::RoleChanged, &by.origin).about(id).saying(role.as_str());
        made(&self.users.set_role(id, role, event).await?)
    }

    /// Disables an account, or enables it again.
    pub async fn set_active(&self, by: &Administrator, id: UserId, is_active: bool) -> Result<(), AdministrationError> {
        by.must_be_fresh()?;
        let kind = if is_active { AuditKind::UserEnabled } else { AuditKind::UserDisabled };
        made(&self.users.set_active(id, is_active, self.audit.event(kind, &by.origin).about(id)).await?)
    }

    /// Gives somebody another password. Their sessions end.
    pub async fn reset_password(
        &self,
        by: &Administrator,
        id: UserId,
        password: SecretString,
    ) -> Result<(), AdministrationError> {
        by.must_be_fresh()?;
        let user = self.users.find(id).await?.ok_or(AdministrationError::NotFound)?;
        if guessable(&password, user.username.as_str(), user.email.as_str()) {
            return Err(InvalidPassword::TooCommon.into());
        }
        let hash = self.hasher.hash(Password::try_from(password)?).await?;
        let event = self.audit.event(AuditKind::PasswordReset, &by.origin).about(id);
        let changed = self.users.set_password(id, hash, None, event).await?;
        changed.map(drop).ok_or(AdministrationError::NotFound)
    }

    async fn note_reading(&self, by: &Administrator, id: UserId, what: &str) -> Result<(), Unexpected> {
        self.audit.record(self.audit.event(AuditKind::AdminRead, &by.origin).about(id).saying(what)).await
    }
}

impl Administrator {
    /// Whether they gave the password a moment ago.
    pub(crate) const fn must_be_fresh(&self) -> Result<(), AdministrationError> {
        if self.is_fresh { Ok(()) } else { Err(AdministrationError::NotFresh) }
    }
}

fn made(change: &RightsChange) -> Result<(), AdministrationError> {
    match change {
        RightsChange::Made(_) | RightsChange::Unchanged => Ok(()),
        RightsChange::NotFound => Err(AdministrationError::NotFound),
        RightsChange::LastAdmin => Err(AdministrationError::LastAdmin),
    }
}

impl From<HashError> for AdministrationError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::Unexpected(source) => Self::Unexpected(source),
        }
    }
}
