//! API keys: credentials for programs, each with some of its owner's rights.

mod authenticate;
mod model;
mod repository;
mod secret;
mod service;

pub use authenticate::ApiKeyAuthenticator;
pub use model::{ApiKey, FoundApiKey, InvalidKeyName, KeyName, NewApiKey};
pub use repository::ApiKeyRepository;
pub use secret::ApiKeySecret;
pub use service::{ApiKeyService, CreateKeyError, CreatedKey, KeyWish};

#[cfg(feature = "mock")]
pub use repository::MockApiKeyRepository;
