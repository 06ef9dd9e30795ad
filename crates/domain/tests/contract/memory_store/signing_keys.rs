use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::signing::{KeyId, NewSigningKey, RetireKeyError, SigningKey, SigningKeyRepository};

use super::{MemoryStore, now};

#[async_trait]
impl SigningKeyRepository for MemoryStore {
    async fn add(&self, NewSigningKey { id, algorithm, sealed }: NewSigningKey) -> Result<(), Unexpected> {
        let keys = &mut self.rows().signing_keys;
        if !keys.iter().any(|key| key.id == id) {
            let (created_at, age) = (now(), Duration::ZERO);
            keys.push(SigningKey { id, algorithm, sealed, created_at, retired_at: None, age });
            keys.sort_by_key(|key| (key.created_at, key.id.clone()));
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<SigningKey>, Unexpected> {
        Ok(self.rows().signing_keys.clone())
    }

    async fn retire(&self, id: &KeyId, successor: &KeyId) -> Result<(), RetireKeyError> {
        let keys = &mut self.rows().signing_keys;
        let stays = id != successor && keys.iter().any(|key| key.id == *successor && key.is_in_force());
        let key = keys.iter_mut().find(|key| key.id == *id).ok_or(RetireKeyError::NotFound)?;
        if key.is_in_force() {
            if !stays {
                return Err(RetireKeyError::NoSuccessor);
            }
            key.retired_at = Some(now());
        }
        Ok(())
    }
}
