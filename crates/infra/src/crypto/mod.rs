//! Password hashing and access tokens.

mod argon2;
mod jwt;
mod opaque;

pub use self::argon2::{Argon2Hasher, Argon2Settings, InvalidArgon2Settings};
pub use self::jwt::{JwtIssuer, JwtSettings};
pub use self::opaque::RandomTokens;
