use diesel::Queryable;
use domain::api_key::{ApiKey, FoundApiKey, KeyName, NewApiKey};
use domain::id::{ApiKeyId, UserId};
use domain::session::TokenHash;
use domain::user::Username;

use crate::sql::values::{Id, Time};
use crate::sql::{InconsistentRow, Parse};

/// What is stored of a new key.
#[derive(Clone)]
pub(crate) struct NewApiKeyRow {
    pub id: Id,
    pub user_id: Id,
    pub name: String,
    pub hash: Vec<u8>,
    pub scopes: String,
    pub created_at: Time,
    pub expires_at: Time,
}

impl From<NewApiKey> for NewApiKeyRow {
    fn from(key: NewApiKey) -> Self {
        Self {
            id: Id(key.id.as_uuid()),
            user_id: Id(key.user_id.as_uuid()),
            name: key.name.to_string(),
            hash: key.hash.0.to_vec(),
            scopes: key.scopes.to_string(),
            created_at: Time(key.created_at),
            expires_at: Time(key.expires_at),
        }
    }
}

/// A key in a list: `id, name, scopes, created_at, expires_at, last_used_at`.
#[derive(Queryable)]
pub(crate) struct ApiKeyRow {
    id: Id,
    name: String,
    scopes: String,
    created_at: Time,
    expires_at: Time,
    last_used_at: Option<Time>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = InconsistentRow;

    fn try_from(row: ApiKeyRow) -> Result<Self, InconsistentRow> {
        let id = row.id.0;
        Ok(Self {
            id: ApiKeyId::from_uuid(id),
            name: KeyName::try_from(row.name).in_row("api_keys", "name", id)?,
            scopes: row.scopes.parse().in_row("api_keys", "scopes", id)?,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
            last_used_at: row.last_used_at.map(|time| time.0),
        })
    }
}

/// A key and its owner: `api_keys.id, user_id, hash, scopes, created_at, expires_at`; whether it is live and whether it is
/// long since it was used, by the store's clock; and `users.username, role, is_active`.
#[derive(Queryable)]
pub(crate) struct FoundApiKeyRow {
    id: Id,
    user_id: Id,
    hash: Vec<u8>,
    scopes: String,
    created_at: Time,
    expires_at: Time,
    is_live: bool,
    needs_touch: bool,
    username: String,
    role: String,
    is_active: bool,
}

impl TryFrom<FoundApiKeyRow> for FoundApiKey {
    type Error = InconsistentRow;

    fn try_from(row: FoundApiKeyRow) -> Result<Self, InconsistentRow> {
        let (id, user_id) = (row.id.0, row.user_id.0);
        let hash = <[u8; 32]>::try_from(row.hash.as_slice()).in_row("api_keys", "hash", id)?;
        Ok(Self {
            id: ApiKeyId::from_uuid(id),
            user_id: UserId::from_uuid(user_id),
            username: Username::try_from(row.username).in_row("users", "username", user_id)?,
            role: row.role.parse().in_row("users", "role", user_id)?,
            user_is_active: row.is_active,
            hash: TokenHash(hash),
            scopes: row.scopes.parse().in_row("api_keys", "scopes", id)?,
            is_live: row.is_live,
            needs_touch: row.needs_touch,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}
