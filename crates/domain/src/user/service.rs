use std::sync::Arc;

use secrecy::SecretString;

use super::{
    CreateUserError, Email, InvalidEmail, InvalidPassword, InvalidUsername, Password, PasswordHasher, ProfileChange,
    User, UserRepository, Username, guessable,
};
use crate::Unexpected;
use crate::access::Principal;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::session::{Client, ConfirmError, ConfirmationService};

/// What the caller wants to be called, as it was told.
#[derive(Clone, Debug, Default)]
pub struct ProfileWish {
    /// The wished name.
    pub username: Option<String>,
    /// The new address.
    pub email: Option<String>,
}

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeProfileError {
    /// The password was given too long ago.
    #[error("the password must be given again")]
    NotFresh,
    /// A rule is broken; each that is is named.
    #[error("the account's details are not valid")]
    Invalid {
        /// What is wrong with the name.
        username: Option<InvalidUsername>,
        /// What is wrong with the address.
        email: Option<InvalidEmail>,
    },
    /// The name or the address is taken, or the store failed.
    #[error(transparent)]
    Refused(#[from] CreateUserError),
    /// The account has just been deleted.
    #[error("there is no such account any more")]
    Gone,
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The current password is wrong, or could not be compared.
    #[error(transparent)]
    Current(#[from] ConfirmError),
    /// The new one breaks a rule.
    #[error("the new password {0}")]
    Invalid(#[from] InvalidPassword),
    /// The account has just been deleted.
    #[error("there is no such account any more")]
    Gone,
    /// A port failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: one's own account.
#[derive(Clone)]
pub struct AccountService {
    users: Arc<dyn UserRepository>,
    hasher: Arc<dyn PasswordHasher>,
    confirmation: ConfirmationService,
    audit: AuditTrail,
}

impl AccountService {
    /// The use case over these ports.
    pub fn new(
        users: Arc<dyn UserRepository>,
        hasher: Arc<dyn PasswordHasher>,
        confirmation: ConfirmationService,
        audit: AuditTrail,
    ) -> Self {
        Self { users, hasher, confirmation, audit }
    }

    /// The caller's own account; `None` if it has just been deleted.
    pub async fn profile(&self, caller: &Principal) -> Result<Option<User>, Unexpected> {
        self.users.find(caller.user_id).await
    }

    /// Changes the caller's name or address, if the password was given a moment ago.
    pub async fn change_profile(
        &self,
        caller: &Principal,
        wish: ProfileWish,
        client: Client,
    ) -> Result<User, ChangeProfileError> {
        if !caller.is_fresh() {
            return Err(ChangeProfileError::NotFresh);
        }
        let username = wish.username.map(Username::try_from).transpose();
        let email = wish.email.map(Email::try_from).transpose();
        let change = match (username, email) {
            (Ok(username), Ok(email)) => ProfileChange { username, email },
            (username, email) => {
                return Err(ChangeProfileError::Invalid { username: username.err(), email: email.err() });
            }
        };
        let event = self.audit.event(AuditKind::ProfileChanged, &Origin::of(caller, client)).about(caller.user_id);
        self.users.change_profile(caller.user_id, change, event).await?.ok_or(ChangeProfileError::Gone)
    }

    /// Changes the caller's password and ends every other session.
    ///
    /// The current password is asked for here, so it counts as given a moment ago.
    pub async fn change_password(
        &self,
        caller: &Principal,
        current: SecretString,
        new: SecretString,
        client: Client,
    ) -> Result<(), ChangePasswordError> {
        let user = self.users.find(caller.user_id).await?.ok_or(ChangePasswordError::Gone)?;
        if guessable(&new, user.username.as_str(), user.email.as_str()) {
            return Err(InvalidPassword::TooCommon.into());
        }
        let new = Password::try_from(new)?;
        self.confirmation.check(caller, current, &client).await?;
        let hash = self.hasher.hash(new).await.map_err(ConfirmError::from)?;
        let event = self.audit.event(AuditKind::PasswordChanged, &Origin::of(caller, client)).about(caller.user_id);
        let changed = self.users.set_password(caller.user_id, hash, caller.session_id(), event).await?;
        changed.map(drop).ok_or(ChangePasswordError::Gone)
    }
}
