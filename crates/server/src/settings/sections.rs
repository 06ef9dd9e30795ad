//! Every key there is. No key is optional here: its default is in `config/default.toml`, and nowhere else.

use domain::signing::{InvalidAlgorithm, SigningAlgorithm};
use domain::usage::Prices;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{
    BaseUrl, ClaimText, DatabaseUrl, Days, Directives, FailAfter, Host, Milliseconds, Network, PublicUrl, Seconds,
    Secret, WebOrigin, Whole,
};

/// All settings. What each means is said in `config/default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub auth: AuthSettings,
    pub rate_limit: RateLimitSettings,
    pub chat: ChatSettings,
    pub engine: EngineSettings,
    pub replica: ReplicaSettings,
    pub housekeeping: HousekeepingSettings,
    pub metrics: MetricsSettings,
    pub log: LogSettings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    pub host: Host,
    pub port: Whole<0, 65_535>,
    pub workers: Whole<0, 1024>,
    pub public_url: PublicUrl,
    pub cors_origins: Vec<WebOrigin>,
    pub shutdown_seconds: Seconds<1, 600>,
    pub stall_seconds: Seconds<1, 600>,
    pub max_body_bytes: Whole<1024, 67_108_864>,
    pub trusted_proxies: Vec<Network>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    pub url: DatabaseUrl,
    pub pool_size: Whole<1, 1000>,
    pub acquire_timeout_ms: Milliseconds<1, 60_000>,
    pub connect_timeout_ms: Milliseconds<100, 60_000>,
    pub statement_timeout_ms: Milliseconds<0, 600_000>,
    pub statement_cache: bool,
    pub auto_migrate: bool,
    pub journal_queue: Whole<1, 65_536>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    pub issuer: ClaimText,
    pub audience: ClaimText,
    pub access_token_seconds: Seconds<1, 86_400>,
    pub session_seconds: Seconds<1, 31_536_000>,
    pub session_idle_seconds: Seconds<1, 31_536_000>,
    pub admin_session_seconds: Seconds<1, 31_536_000>,
    pub admin_session_idle_seconds: Seconds<1, 31_536_000>,
    /// A second at the most: a logout must reach every replica within one.
    pub session_cache_ms: Milliseconds<0, 1000>,
    pub registration_open: bool,
    pub algorithm: TokenAlgorithm,
    pub secret: Secret,
    pub argon2: Argon2Settings,
}

/// What access tokens are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TokenAlgorithm(SigningAlgorithm);

impl TokenAlgorithm {
    /// The algorithm.
    pub const fn get(self) -> SigningAlgorithm {
        self.0
    }
}

/// The lower bounds are the least that is safe, not the least that works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argon2Settings {
    pub memory_kib: Whole<19_456, 4_194_304>,
    pub iterations: Whole<2, 100>,
    pub parallelism: Whole<1, 64>,
    pub concurrency: Whole<0, 256>,
    pub queue: Whole<0, 65_536>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSettings {
    pub enabled: bool,
    pub login_per_minute: Whole<0, 1_000_000>,
    pub account_backoff: bool,
    pub registration_per_minute: Whole<0, 1_000_000>,
    pub turns_per_minute: Whole<0, 1_000_000>,
    pub concurrent_streams: Whole<0, 1_000_000>,
    pub tokens_per_day: Whole<0, { u32::MAX }>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatSettings {
    pub max_context_turns: Whole<0, 1000>,
    pub max_context_tokens: Whole<0, 10_000_000>,
    pub default_ttl_days: Days,
}

/// What answers questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum EngineKind {
    /// The first provider whose key the environment has, else the built-in engine.
    Auto,
    /// The built-in engine.
    Builtin,
    /// A server that speaks OpenAI's chat completions.
    OpenAi,
    /// An engine that follows a script.
    Scripted,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    pub kind: EngineKind,
    pub fallback_model: String,
    pub retries: Whole<0, 3>,
    pub first_token_timeout_ms: Milliseconds<100, 3_600_000>,
    pub progress_timeout_ms: Milliseconds<100, 3_600_000>,
    pub max_seconds: Seconds<1, 86_400>,
    pub max_output_tokens: Whole<1, 1_000_000>,
    pub max_output_bytes: Whole<1024, 67_108_864>,
    #[serde(deserialize_with = "prices")]
    pub prices: Prices,
    pub openai: OpenAiSettings,
    pub scripted: ScriptedSettings,
}

fn prices<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Prices, D::Error> {
    Vec::<String>::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiSettings {
    pub preset: String,
    pub base_url: BaseUrl,
    pub api_key: Secret,
    pub model: String,
    pub models: Vec<String>,
    pub connect_timeout_ms: Milliseconds<100, 60_000>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in the script")]
pub struct ScriptedSettings {
    pub first_token_ms: Milliseconds<0, 3_600_000>,
    pub token_ms: Milliseconds<0, 3_600_000>,
    pub tokens: Whole<0, 1_000_000>,
    pub fail_after: FailAfter,
    pub hang: bool,
    pub endless: bool,
    pub odd_utf8: bool,
    pub parts: bool,
}

/// The shortest lease is twice the longest tick, so that one renewal may be lost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaSettings {
    pub lease_ms: Milliseconds<2000, 30_000>,
    pub tick_ms: Milliseconds<50, 1000>,
}

/// Where measurements can be read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HousekeepingSettings {
    pub every_seconds: Seconds<1, 3600>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    pub host: Host,
    pub port: Whole<0, 65_535>,
    pub token: Secret,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    /// For a person in a terminal, for a machine elsewhere.
    Auto,
    /// For a person.
    Human,
    /// For a machine.
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    pub format: LogFormat,
    pub filter: Directives,
}

/// The text is none of the choices, which these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: {0}")]
pub struct NoSuchChoice(&'static str);

impl TryFrom<String> for EngineKind {
    type Error = NoSuchChoice;

    fn try_from(kind: String) -> Result<Self, NoSuchChoice> {
        match kind.as_str() {
            "auto" => Ok(Self::Auto),
            "builtin" => Ok(Self::Builtin),
            "openai" => Ok(Self::OpenAi),
            "scripted" => Ok(Self::Scripted),
            _ => Err(NoSuchChoice("auto, builtin, openai, scripted")),
        }
    }
}

impl TryFrom<String> for TokenAlgorithm {
    type Error = InvalidAlgorithm;

    fn try_from(algorithm: String) -> Result<Self, InvalidAlgorithm> {
        algorithm.parse().map(Self)
    }
}

impl TryFrom<String> for LogFormat {
    type Error = NoSuchChoice;

    fn try_from(format: String) -> Result<Self, NoSuchChoice> {
        match format.as_str() {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(NoSuchChoice("auto, human, json")),
        }
    }
}
