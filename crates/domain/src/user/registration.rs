use std::sync::Arc;

use secrecy::SecretString;

use super::{
    CreateUserError, Email, HashError, InvalidEmail, InvalidPassword, InvalidUsername, NewUser, Password,
    PasswordHasher, Role, User, UserRepository, Username, guessable,
};
use crate::Unexpected;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::clock::Clock;
use crate::id::{IdGenerator, UserId};
use crate::throttle::{Counted, Limit, RateLimiter, Throttled, Unlimited};

/// What somebody who wants an account tells about themselves, as they told it.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The wished name.
    pub username: String,
    /// The address.
    pub email: String,
    /// The chosen password.
    pub password: SecretString,
}

/// Why an account could not be made. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The name, the address or the password breaks its rule; each that does is named.
    #[error("the account's details are not valid")]
    Invalid {
        /// What is wrong with the name.
        username: Option<InvalidUsername>,
        /// What is wrong with the address.
        email: Option<InvalidEmail>,
        /// What is wrong with the password.
        password: Option<InvalidPassword>,
    },
    /// Somebody has that name.
    #[error("the username is taken")]
    UsernameTaken,
    /// Somebody has that address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Too many passwords are being hashed.
    #[error("too many passwords are being hashed")]
    Overloaded,
    /// Too many attempts from that address.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: making accounts.
#[derive(Clone)]
pub struct RegistrationService {
    users: Arc<dyn UserRepository>,
    hasher: Arc<dyn PasswordHasher>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    audit: AuditTrail,
    limiter: Arc<dyn RateLimiter>,
}

impl RegistrationService {
    /// The use case over these ports, where no registration is too many.
    pub fn new(
        users: Arc<dyn UserRepository>,
        hasher: Arc<dyn PasswordHasher>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        audit: AuditTrail,
    ) -> Self {
        Self { users, hasher, clock, ids, audit, limiter: Arc::new(Unlimited) }
    }

    /// The same, where those who register themselves are counted.
    #[must_use]
    pub fn limited_by(mut self, limiter: Arc<dyn RateLimiter>) -> Self {
        self.limiter = limiter;
        self
    }

    /// Makes an account for somebody who registers. It counts whatever comes of it: a name that is taken tells something
    /// as well.
    pub async fn sign_up(&self, account: NewAccount, origin: &Origin) -> Result<User, RegisterError> {
        if let Some(ip) = origin.client.ip {
            self.limiter.check(Limit::Registration, Counted::Address(ip)).await.admitted()?;
        }
        self.register(account, Role::User, origin).await
    }

    /// Makes an account with that role and returns it.
    ///
    /// Only the command line and administrators give a role other than [`Role::User`]; nobody may choose one's own.
    pub async fn register(&self, account: NewAccount, role: Role, origin: &Origin) -> Result<User, RegisterError> {
        let (username, email, password) = parse(account)?;
        let hashed_password = self.hasher.hash(password).await?;
        let user = NewUser {
            id: UserId::generate(&*self.ids),
            username,
            email,
            hashed_password,
            role,
            account_created: self.clock.now(),
        };
        let event = self.audit.event(AuditKind::UserCreated, origin).about(user.id).saying(role.as_str());
        self.users.create(user.clone(), event).await?;
        Ok(user.into_user())
    }
}

fn parse(account: NewAccount) -> Result<(Username, Email, Password), RegisterError> {
    let password = if guessable(&account.password, &account.username, &account.email) {
        Err(InvalidPassword::TooCommon)
    } else {
        Password::try_from(account.password)
    };
    match (Username::try_from(account.username), Email::try_from(account.email), password) {
        (Ok(username), Ok(email), Ok(password)) => Ok((username, email, password)),
        (username, email, password) => {
            Err(RegisterError::Invalid { username: username.err(), email: email.err(), password: password.err() })
        }
    }
}

impl From<CreateUserError> for RegisterError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::UsernameTaken => Self::UsernameTaken,
            CreateUserError::EmailTaken => Self::EmailTaken,
            CreateUserError::Unexpected(source) => Self::Unexpected(source),
        }
    }
}

impl From<HashError> for RegisterError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::Unexpected(source) => Self::Unexpected(source),
        }
    }
}
