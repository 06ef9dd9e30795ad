//! Which constraint stands for which of the domain's errors.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use domain::user::CreateUserError;

use crate::sql::SqlError;

/// The name of the unique constraint that was violated, if that is what went wrong.
pub(super) fn violated(error: &SqlError) -> Option<&str> {
    match error {
        SqlError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information)) => {
            information.constraint_name()
        }
        _ => None,
    }
}

/// What a refused account was refused for.
pub(super) fn create_user(error: SqlError) -> CreateUserError {
    match violated(&error) {
        Some("users_username_key") => CreateUserError::UsernameTaken,
        Some("users_email_key") => CreateUserError::EmailTaken,
        _ => CreateUserError::Unexpected(error.into()),
    }
}
