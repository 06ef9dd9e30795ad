//! Settings, in the words of the adapters that they are for.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use domain::chat::ContextBudget;
use infra::crypto;
use infra::engines;
use infra::store::{StoreSettings, StoreUrl};
use secrecy::SecretString;

use crate::settings::{
    Argon2Settings, AuthSettings, ChatSettings, Configuration, EngineKind, EngineSettings, OpenAiSettings,
    ScriptedSettings, StoreLocation,
};

/// So many, or one for each core if none is said.
pub fn or_cores(count: usize) -> usize {
    if count > 0 { count } else { available_parallelism().map_or(1, NonZeroUsize::get) }
}

pub fn store(configuration: &Configuration) -> StoreSettings {
    let settings = &configuration.settings.database;
    let url = match configuration.store() {
        StoreLocation::Sqlite(path) => StoreUrl::Sqlite(path),
        StoreLocation::Postgres(url) => StoreUrl::Postgres(url),
    };
    StoreSettings {
        url,
        pool_size: settings.pool_size.get(),
        acquire_timeout: settings.acquire_timeout_ms.duration(),
        connect_timeout: settings.connect_timeout_ms.duration(),
        statement_timeout: settings.statement_timeout_ms.duration(),
        statement_cache: settings.statement_cache,
        auto_migrate: settings.auto_migrate,
        journal_queue: settings.journal_queue.count(),
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

pub fn jwt(settings: &AuthSettings, secret: SecretString) -> crypto::JwtSettings {
    crypto::JwtSettings {
        secret,
        issuer: settings.issuer.as_str().to_owned(),
        audience: settings.audience.as_str().to_owned(),
        lifetime: settings.access_token_seconds.duration(),
    }
}

pub fn engine(settings: &EngineSettings) -> engines::EngineSettings {
    engines::EngineSettings {
        kind: match settings.kind {
            EngineKind::Auto => engines::EngineKind::Auto,
            EngineKind::Builtin => engines::EngineKind::Builtin,
            EngineKind::OpenAi => engines::EngineKind::OpenAi,
            EngineKind::Scripted => engines::EngineKind::Scripted,
        },
        openai: openai(&settings.openai),
        scripted: scripted(&settings.scripted),
    }
}

fn openai(settings: &OpenAiSettings) -> engines::OpenAiSettings {
    let unless_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    engines::OpenAiSettings {
        preset: unless_empty(&settings.preset),
        base_url: unless_empty(settings.base_url.as_str()),
        api_key: settings.api_key.get().cloned(),
        model: unless_empty(&settings.model),
        models: settings.models.clone(),
        connect_timeout: settings.connect_timeout_ms.duration(),
        first_token_timeout: settings.first_token_timeout_ms.duration(),
        progress_timeout: settings.progress_timeout_ms.duration(),
    }
}

fn scripted(settings: &ScriptedSettings) -> engines::ScriptedSettings {
    engines::ScriptedSettings {
        first_token: settings.first_token_ms.duration(),
        token: settings.token_ms.duration(),
        tokens: settings.tokens.get(),
        fail_after: settings.fail_after.tokens(),
        hang: settings.hang,
        endless: settings.endless,
        odd_utf8: settings.odd_utf8,
    }
}

pub fn budget(settings: &ChatSettings) -> ContextBudget {
    ContextBudget {
        max_turns: settings.max_context_turns.saturating_u16(),
        max_tokens: settings.max_context_tokens.get(),
    }
}
