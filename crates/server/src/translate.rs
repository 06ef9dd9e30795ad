//! Settings, in the words of the adapters that they are for.

use std::num::{NonZeroU64, NonZeroUsize};
use std::thread::available_parallelism;
use std::time::Duration;

use api::Browser;
use domain::chat::ContextBudget;
use domain::session::{Lifetimes, SessionPolicy};
use infra::crypto;
use infra::engines;
use infra::postgres::PostgresSettings;
use infra::sqlite::SqliteSettings;
use infra::store::StoreSettings;

use crate::settings::{
    Argon2Settings, AuthSettings, ChatSettings, Configuration, EngineKind, EngineSettings, OpenAiSettings,
    RateLimitSettings, ScriptedSettings, StoreLocation,
};

/// So many, or one for each core if none is said.
pub fn or_cores(count: usize) -> usize {
    if count > 0 { count } else { available_parallelism().map_or(1, NonZeroUsize::get) }
}

pub fn store(configuration: &Configuration) -> StoreSettings {
    let settings = &configuration.settings.database;
    let acquire_timeout = settings.acquire_timeout_ms.duration();
    let journal_queue = settings.journal_queue.count();
    match configuration.store() {
        StoreLocation::Sqlite(path) => {
            let readers = settings.pool_size.get();
            StoreSettings::Sqlite(SqliteSettings { path, readers, acquire_timeout, journal_queue })
        }
        StoreLocation::Postgres(url) => StoreSettings::Postgres(PostgresSettings {
            url,
            pool_size: settings.pool_size.get(),
            acquire_timeout,
            connect_timeout: settings.connect_timeout_ms.duration(),
            statement_timeout: settings.statement_timeout_ms.duration(),
            statement_cache: settings.statement_cache,
            journal_queue,
        }),
    }
}

pub fn argon2(settings: &Argon2Settings) -> crypto::Argon2Settings {
    crypto::Argon2Settings {
        memory_kib: settings.memory_kib.get(),
        iterations: settings.iterations.get(),
        parallelism: settings.parallelism.get(),
        concurrency: or_cores(settings.concurrency.count()),
        queue: settings.queue.count(),
    }
}

pub fn jwt(settings: &AuthSettings) -> crypto::JwtSettings {
    crypto::JwtSettings {
        issuer: settings.issuer.as_str().to_owned(),
        audience: settings.audience.as_str().to_owned(),
        lifetime: settings.access_token_seconds.duration(),
    }
}

pub fn sessions(settings: &AuthSettings) -> SessionPolicy {
    SessionPolicy {
        user: Lifetimes {
            idle: settings.session_idle_seconds.duration(),
            absolute: settings.session_seconds.duration(),
        },
        admin: Lifetimes {
            idle: settings.admin_session_idle_seconds.duration(),
            absolute: settings.admin_session_seconds.duration(),
        },
    }
}

/// Scheme, host and port of a URL: what a browser calls an origin.
pub fn browser(public_url: &str) -> Browser {
    let (scheme, rest) = public_url.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    Browser { public_origin: (!host.is_empty()).then(|| format!("{scheme}://{host}").to_ascii_lowercase()) }
}

pub fn engine(settings: &EngineSettings) -> engines::EngineSettings {
    engines::EngineSettings {
        kind: match settings.kind {
            EngineKind::Auto => engines::EngineKind::Auto,
            EngineKind::Builtin => engines::EngineKind::Builtin,
            EngineKind::OpenAi => engines::EngineKind::OpenAi,
            EngineKind::Scripted => engines::EngineKind::Scripted,
        },
        fallback_model: unless_empty(&settings.fallback_model),
        retries: settings.retries.get(),
        first_token_timeout_ms: milliseconds(settings.first_token_timeout_ms.duration()),
        progress_timeout_ms: milliseconds(settings.progress_timeout_ms.duration()),
        max_seconds: settings.max_seconds.duration().as_secs(),
        max_output_tokens: settings.max_output_tokens.get(),
        max_output_bytes: settings.max_output_bytes.count(),
        openai: openai(&settings.openai),
        scripted: scripted(&settings.scripted),
    }
}

fn openai(settings: &OpenAiSettings) -> engines::OpenAiSection {
    engines::OpenAiSection {
        preset: unless_empty(&settings.preset),
        base_url: unless_empty(settings.base_url.as_str()),
        api_key: settings.api_key.get().cloned(),
        model: unless_empty(&settings.model),
        models: settings.models.clone(),
        connect_timeout_ms: milliseconds(settings.connect_timeout_ms.duration()),
    }
}

fn scripted(settings: &ScriptedSettings) -> engines::ScriptedSection {
    engines::ScriptedSection {
        first_token_ms: milliseconds(settings.first_token_ms.duration()),
        token_ms: milliseconds(settings.token_ms.duration()),
        tokens: settings.tokens.get(),
        fail_after: settings.fail_after.tokens(),
        hang: settings.hang,
        endless: settings.endless,
        odd_utf8: settings.odd_utf8,
        parts: settings.parts,
    }
}

fn unless_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The most tokens that a user may have in a day, if there is a limit.
pub fn tokens_per_day(settings: &RateLimitSettings) -> Option<NonZeroU64> {
    NonZeroU64::new(settings.tokens_per_day.get().into()).filter(|_| settings.enabled)
}

pub fn budget(settings: &ChatSettings) -> ContextBudget {
    ContextBudget {
        max_turns: settings.max_context_turns.saturating_u16(),
        max_tokens: settings.max_context_tokens.get(),
    }
}
