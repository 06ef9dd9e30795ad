use std::cell::RefCell;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, CustomizedPasswordHasher, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// argon2 in memory that it keeps from one hash to the next. It is one thread's.
///
/// Taken anew for each hash, an allocator holds several times as much of it: the one hash's is not given back yet when
/// the next takes its own.
pub(super) struct Workspace {
    params: Params,
    memory: RefCell<Vec<Block>>,
}

impl Workspace {
    /// Nothing is taken before the first hash.
    pub(super) const fn new(params: Params) -> Self {
        Self { params, memory: RefCell::new(Vec::new()) }
    }
}

impl PasswordHasher<PasswordHash> for Workspace {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> password_hash::Result<PasswordHash> {
        self.hash_password_customized(password, salt, None, None, self.params.clone())
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Workspace {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<password_hash::Version>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let salt = Salt::new(salt)?;
        let mut buffer = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let out = buffer.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;

        let mut memory = self.memory.borrow_mut();
        memory.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let hashed = argon2.hash_password_into_with_memory(password, &salt, out, &mut *memory);
        // One that took more than usual, from before the settings were lowered, was an exception.
        memory.truncate(self.params.block_count());
        memory.shrink_to(self.params.block_count());
        hashed?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash: Some(Output::new(out)?),
        })
    }
}

impl PasswordVerifier<str> for Workspace {
    fn verify_password(&self, password: &[u8], hash: &str) -> password_hash::Result<()> {
        self.verify_password(password, &PasswordHash::new(hash)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(memory_kib: u32) -> Params {
        Params::new(memory_kib, 1, 1, None).unwrap()
    }

    #[test]
    fn it_hashes_as_argon2_does_whatever_it_hashed_before() {
        let workspace = Workspace::new(params(64));
        let salt = b"a salt of sixteen";
        for memory_kib in [64, 256, 64, 8, 128] {
            let fresh = Argon2::from(params(memory_kib)).hash_password_with_salt(b"a quiet secret", salt).unwrap();
            let kept = workspace.hash_password_customized(b"a quiet secret", salt, None, None, params(memory_kib));
            assert_eq!(kept.unwrap().to_string(), fresh.to_string());
            assert_eq!(workspace.verify_password(b"a quiet secret", &fresh), Ok(()));
            assert!(workspace.verify_password(b"a quiet secreT", &fresh).is_err());
        }
        assert_eq!(workspace.memory.borrow().capacity(), params(64).block_count(), "what is kept does not grow");
    }

    #[test]
    fn other_algorithms_are_told_apart() {
        let workspace = Workspace::new(params(64));
        // The first test vector of the reference implementation that has the encoded form.
        let hash = "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
        assert_eq!(workspace.verify_password(b"password", hash), Ok(()));
        assert!(workspace.verify_password(b"password", &*hash.replace("argon2i$", "argon2id$")).is_err());
    }
}
