use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::access::Scopes;
use crate::id::{ApiKeyId, UserId};
use crate::session::TokenHash;
use crate::text::{InvalidText, bounded};
use crate::user::{Role, Username};

/// What a key is called by its owner: 1 to 100 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// The text cannot be the name of a key.
pub type InvalidKeyName = InvalidText;

impl KeyName {
    /// The most bytes.
    pub const MAX: usize = 100;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyName {
    type Error = InvalidKeyName;

    fn try_from(name: String) -> Result<Self, InvalidKeyName> {
        bounded(name, Self::MAX).map(Self)
    }
}

/// A key that is to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its owner.
    pub user_id: UserId,
    /// What it is called.
    pub name: KeyName,
    /// What it hashes to.
    pub hash: TokenHash,
    /// What it passes on.
    pub scopes: Scopes,
    /// When it is made.
    pub created_at: DateTime<Utc>,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
}

/// A key as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Which key.
    pub id: ApiKeyId,
    /// What it is called.
    pub name: KeyName,
    /// What it passes on.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A key and what its owner may do, as one look-up gives it.
#[derive(Clone, Debug)]
pub struct FoundApiKey {
    /// Which key.
    pub id: ApiKeyId,
    /// Its owner.
    pub user_id: UserId,
    /// What the owner is called now.
    pub username: Username,
    /// What the owner may do now.
    pub role: Role,
    /// Whether the owner may do anything at all.
    pub user_is_active: bool,
    /// What it hashes to.
    pub hash: TokenHash,
    /// What it passes on.
    pub scopes: Scopes,
    /// Whether its time is not over, by the store's clock, and nobody revoked it.
    pub is_live: bool,
    /// Whether it was never used, or longer than [`FoundApiKey::TOUCH_AFTER`] ago.
    pub needs_touch: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it can be used.
    pub expires_at: DateTime<Utc>,
}

impl FoundApiKey {
    /// How often it is noted that a key is used.
    pub const TOUCH_AFTER: Duration = Duration::from_secs(60);

    /// Whether requests may be made with it.
    pub const fn is_usable(&self) -> bool {
        self.is_live && self.user_is_active
    }
}
