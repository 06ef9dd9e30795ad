use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{Email, HashedPassword, Username};
use crate::id::UserId;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its own conversations.
    User,
    /// Other people's accounts too.
    Admin,
}

impl Role {
    /// The name that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text named no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `user` or `admin`")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(name: &str) -> Result<Self, InvalidRole> {
        match name {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            _ => Err(InvalidRole),
        }
    }
}

/// An account, without its secret.
#[derive(Clone, Debug)]
pub struct User {
    /// Which account.
    pub id: UserId,
    /// What it logs in with.
    pub username: Username,
    /// Where its owner can be reached.
    pub email: Email,
    /// What it may do.
    pub role: Role,
    /// Whether it may log in and be used at all.
    pub is_active: bool,
    /// When it was made.
    pub account_created: DateTime<Utc>,
    /// When it was last logged in to.
    pub last_login: Option<DateTime<Utc>>,
}

/// An account that is to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// Its name; nobody else may have it, in whatever case.
    pub username: Username,
    /// Its address; nobody else may have it.
    pub email: Email,
    /// The hash of its password.
    pub hashed_password: HashedPassword,
    /// What it may do.
    pub role: Role,
    /// When it is made.
    pub account_created: DateTime<Utc>,
}

/// An account of another system that is to be made here.
#[derive(Clone, Debug)]
pub struct ImportedUser {
    /// What every new account has.
    pub user: NewUser,
    /// Whether it may be used.
    pub is_active: bool,
    /// When it was last logged in to, there.
    pub last_login: Option<DateTime<Utc>>,
}

impl ImportedUser {
    /// The account as it is once it has been made.
    pub fn into_user(self) -> User {
        User { is_active: self.is_active, last_login: self.last_login, ..self.user.into_user() }
    }
}

impl NewUser {
    /// The account as it is once it has been made.
    pub fn into_user(self) -> User {
        User {
            id: self.id,
            username: self.username,
            email: self.email,
            role: self.role,
            is_active: true,
            account_created: self.account_created,
            last_login: None,
        }
    }
}
