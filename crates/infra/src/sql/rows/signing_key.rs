use chrono::{DateTime, Utc};
use diesel::Queryable;
use domain::signing::{KeyId, RetireKeyError, SealedKey, SigningKey};

use crate::sql::values::Time;
use crate::sql::{InconsistentRow, Parse};

/// A row of `signing_keys`, all columns.
#[derive(Queryable)]
pub(crate) struct SigningKeyRow {
    kid: String,
    algorithm: String,
    sealed: Vec<u8>,
    created_at: Time,
    retired_at: Option<Time>,
}

impl SigningKeyRow {
    /// The key as it is at that moment, by the store's clock.
    pub(crate) fn into_key(self, now: DateTime<Utc>) -> Result<SigningKey, InconsistentRow> {
        let created_at = self.created_at.0;
        Ok(SigningKey {
            algorithm: self.algorithm.parse().in_row("signing_keys", "algorithm", &self.kid)?,
            id: KeyId::try_from(self.kid.clone()).in_row("signing_keys", "kid", &self.kid)?,
            sealed: SealedKey::new(self.sealed),
            created_at,
            retired_at: self.retired_at.map(|time| time.0),
            // One that was stored while the list was read seems to come from the future.
            age: (now - created_at).to_std().unwrap_or_default(),
        })
    }
}

/// Whether the one key may be retired in favour of the other, where these are in the store, and in force or not.
pub(crate) fn retirement(keys: &[(String, bool)], id: &str, successor: &str) -> Result<(), RetireKeyError> {
    let in_force = |name: &str| keys.iter().find(|(kid, _)| kid == name).map(|(_, in_force)| *in_force);
    match in_force(id) {
        None => Err(RetireKeyError::NotFound),
        Some(true) if id == successor || in_force(successor) != Some(true) => Err(RetireKeyError::NoSuccessor),
        Some(_) => Ok(()),
    }
}
