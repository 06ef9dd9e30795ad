//! Password hashing and access tokens.

mod argon2;
mod jwt;

pub use self::argon2::{Argon2Hasher, Argon2Settings, InvalidArgon2Settings};
pub use self::jwt::{JwtIssuer, JwtSettings};
