use domain::user as model;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;

/// An account.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    /// Which account.
    id: Uuid,
    /// What it logs in with.
    #[schema(example = "ada")]
    username: String,
    /// Where its owner can be reached.
    #[schema(example = "ada@example.org")]
    email: String,
    /// What it may do: `user` or `admin`.
    #[schema(example = "user")]
    role: &'static str,
    /// Whether it can be used.
    is_active: bool,
    /// When it was made.
    account_created: Timestamp,
    /// When it was last logged in to.
    last_login: Option<Timestamp>,
}

impl From<model::User> for User {
    fn from(user: model::User) -> Self {
        Self {
            id: user.id.as_uuid(),
            username: user.username.to_string(),
            email: user.email.to_string(),
            role: user.role.as_str(),
            is_active: user.is_active,
            account_created: Timestamp(user.account_created),
            last_login: user.last_login.map(Timestamp),
        }
    }
}
