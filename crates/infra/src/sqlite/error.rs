//! Which constraint stands for which of the domain's errors. SQLite names columns, or an index over an
//! expression, in its message.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use domain::user::CreateUserError;

use crate::sql::SqlError;

/// What a refused account was refused for.
pub(super) fn create_user(error: SqlError) -> CreateUserError {
    let violated = match &error {
        SqlError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information)) => {
            information.message()
        }
        _ => "",
    };
    if violated.ends_with("index 'users_username_key'") {
        CreateUserError::UsernameTaken
    } else if violated.ends_with("users.email") {
        CreateUserError::EmailTaken
    } else {
        CreateUserError::Unexpected(error.into())
    }
}
