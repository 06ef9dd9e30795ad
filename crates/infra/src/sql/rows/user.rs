use diesel::Queryable;
use domain::id::UserId;
use domain::user::{Email, HashedPassword, NewUser, User, Username};

use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

/// A row of `users`, all columns.
#[derive(Queryable)]
pub(crate) struct UserRow {
    id: Id,
    username: String,
    hashed_password: String,
    email: String,
    role: String,
    is_active: bool,
    account_created: Time,
    last_login: Option<Time>,
}

impl UserRow {
    pub(crate) fn into_user(self) -> Result<User, InconsistentRow> {
        Ok(self.into_account()?.0)
    }

    pub(crate) fn into_account(self) -> Result<(User, HashedPassword), InconsistentRow> {
        let id = self.id.0;
        let user = User {
            id: UserId::from_uuid(id),
            username: Username::try_from(self.username).in_row("users", "username", id)?,
            email: Email::try_from(self.email).in_row("users", "email", id)?,
            role: self.role.parse().in_row("users", "role", id)?,
            is_active: self.is_active,
            account_created: self.account_created.0,
            last_login: self.last_login.map(|time| time.0),
        };
        Ok((user, HashedPassword::new(self.hashed_password)))
    }
}

/// What is stored of a new account.
#[derive(Clone)]
pub(crate) struct NewUserRow {
    pub id: Id,
    pub username: String,
    pub hashed_password: String,
    pub email: String,
    pub role: &'static str,
    pub account_created: Time,
}

impl From<NewUser> for NewUserRow {
    fn from(user: NewUser) -> Self {
        Self {
            id: Id(user.id.as_uuid()),
            username: user.username.to_string(),
            hashed_password: user.hashed_password.expose().to_owned(),
            email: user.email.to_string(),
            role: user.role.as_str(),
            account_created: Time(user.account_created),
        }
    }
}
