//! What the server is told: defaults, a profile, a file, the environment and flags, later over earlier.
//!
//! [`load`] reads them all; an unknown key or a value that breaks its rule is a [`SettingsError`] that names the
//! key, where it was said and what to do. The types in `sections` are the truth about which keys there are:
//! `config/default.toml` must give every one of them and nothing else, and a test holds `docs/CONFIG.md` against it.

mod bounded;
mod database_url;
mod environment;
mod error;
mod layer;
mod load;
mod profile;
mod sections;
mod show;
#[cfg(test)]
mod tests;
mod text;

pub use bounded::{Days, FailAfter, Milliseconds, Seconds, Whole};
pub use database_url::{DatabaseUrl, StoreLocation};
pub use environment::Environment;
pub use error::{Flaw, KeyProblem, SettingsError};
pub use layer::Origin;
pub use load::{Configuration, Flags, load};
pub use profile::Profile;
pub use sections::{
    Argon2Settings, AuthSettings, ChatSettings, DatabaseSettings, EngineKind, EngineSettings, LogFormat, LogSettings,
    MetricsSettings, OpenAiSettings, RateLimitSettings, ReplicaSettings, ScriptedSettings, ServerSettings, Settings,
    TokenAlgorithm,
};
pub use show::show;
pub use text::{BaseUrl, ClaimText, Directives, Host, PublicUrl, Secret};
