//! Password hashing, access tokens, the keys that sign them, and tokens that are nothing but random.

mod argon2;
#[cfg(feature = "forgeries")]
pub mod forgeries;
mod jwt;
mod keyring;
mod opaque;

pub use self::argon2::{Argon2Hasher, Argon2Settings, InvalidArgon2Settings};
pub use self::jwt::{JwtIssuer, JwtSettings};
pub use self::keyring::{Keyring, KeyringRefresh, Vault};
pub use self::opaque::RandomTokens;
