//! From settings to an engine.

use std::sync::Arc;
use std::time::Duration;

use domain::chat::ChatEngine;
use domain::conversation::ModelName;
use domain::text::InvalidText;
use secrecy::SecretString;

use super::builtin::BuiltinEngine;
use super::guard::{Caps, GuardSettings, Patience, guarded};
use super::openai::presets::{PRESETS, Preset};
use super::openai::{OpenAiConfigError, OpenAiEngine, OpenAiSettings, TokenLimit};
use super::scripted::ScriptedEngine;
use super::settings::{EngineKind, EngineSettings, OpenAiSection};

/// The environment: the value of a variable, if it is set.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How long to wait for token counts once a model has finished; the answer itself is complete.
const EPILOGUE: Duration = Duration::from_secs(5);

/// An engine, and what to tell the operator about it.
#[derive(Clone)]
pub struct ChosenEngine {
    /// What answers, guarded.
    pub engine: Arc<dyn ChatEngine>,
    /// Which engine it is, where it is and why it was chosen. There is no secret in it.
    pub description: String,
    /// The same engine without its guards, if there is a server behind it that can be tried.
    pub server: Option<OpenAiEngine>,
}

/// Why the settings give no engine. Each names the key, the rule, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineConfigError {
    /// The preset has no such name.
    #[error("engine.openai.preset: there is no preset {0:?}; use one of {names}, or set engine.openai.base_url instead", names = preset_names())]
    UnknownPreset(String),
    /// The base URL is none.
    #[error("engine.openai.base_url: {0}")]
    BaseUrl(#[source] OpenAiConfigError),
    /// The server wants a key.
    #[error(
        "engine.openai.api_key: the preset {preset:?} needs a key; set it, or {variable} in the environment, or choose another engine.kind"
    )]
    MissingKey {
        /// The preset.
        preset: &'static str,
        /// Where its key is looked for.
        variable: &'static str,
    },
    /// The key cannot be sent.
    #[error("{origin}: {source}; check that it was copied whole and without quotes")]
    Key {
        /// The key of the configuration, or the variable.
        origin: &'static str,
        /// What is wrong with it.
        source: OpenAiConfigError,
    },
    /// The name of a model is none.
    #[error("{key}: the model name {name:?} {source}; use a name that the server knows")]
    Model {
        /// The key.
        key: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        source: InvalidText,
    },
    /// It is not known which model to ask.
    #[error("engine.openai.model: there must be a model; set it to a name that the server at {0} knows")]
    NoModel(String),
    /// The second model cannot be asked.
    #[error(
        "engine.fallback_model: the engine does not offer {name:?}; use one of {offered}, add it to engine.openai.models, or leave it empty"
    )]
    Fallback {
        /// What was configured.
        name: String,
        /// What there is.
        offered: String,
    },
    /// A timeout or a cap of nothing.
    #[error("{0}: must be at least 1; leave it out for the default")]
    Zero(&'static str),
    /// There can be no client.
    #[error("engine.openai: {0}: {cause}; on Debian, install the package ca-certificates", cause = cause(.0))]
    Client(#[source] OpenAiConfigError),
}

/// The engine that the settings ask for, guarded.
pub fn build(mut settings: EngineSettings, env: Environment<'_>) -> Result<ChosenEngine, EngineConfigError> {
    let guards = guards(&settings)?;
    let second = settings.fallback_model.take().filter(|name| !name.is_empty());
    let chosen = unguarded(settings, guards.patience, env)?;
    let fallback = second.map(|name| fallback(name, &*chosen.engine)).transpose()?;
    Ok(ChosenEngine { engine: guarded(chosen.engine, GuardSettings { fallback, ..guards }), ..chosen })
}

fn guards(settings: &EngineSettings) -> Result<GuardSettings, EngineConfigError> {
    let unless_zero = |key, is_zero: bool| if is_zero { Err(EngineConfigError::Zero(key)) } else { Ok(()) };
    unless_zero("engine.max_seconds", settings.max_seconds == 0)?;
    unless_zero("engine.max_output_tokens", settings.max_output_tokens == 0)?;
    unless_zero("engine.max_output_bytes", settings.max_output_bytes == 0)?;
    Ok(GuardSettings {
        patience: Patience {
            first_token: timeout("engine.first_token_timeout_ms", settings.first_token_timeout_ms)?,
            progress: timeout("engine.progress_timeout_ms", settings.progress_timeout_ms)?,
        },
        retries: settings.retries,
        fallback: None,
        caps: Caps {
            time: Duration::from_secs(settings.max_seconds),
            tokens: settings.max_output_tokens,
            bytes: settings.max_output_bytes,
        },
    })
}

fn fallback(name: String, engine: &dyn ChatEngine) -> Result<ModelName, EngineConfigError> {
    let models = engine.models();
    let offered = models.iter().find(|model| model.name.as_str() == name);
    offered.map(|model| model.name.clone()).ok_or_else(|| {
        let offered: Vec<_> = models.iter().map(|model| format!("{:?}", model.name.as_str())).collect();
        EngineConfigError::Fallback { name, offered: offered.join(", ") }
    })
}

fn unguarded(
    settings: EngineSettings,
    patience: Patience,
    env: Environment<'_>,
) -> Result<ChosenEngine, EngineConfigError> {
    match settings.kind {
        EngineKind::Builtin => Ok(builtin("builtin (no model connected)")),
        EngineKind::Scripted => {
            let engine = Arc::new(ScriptedEngine::new(settings.scripted.into()));
            Ok(ChosenEngine { engine, description: "scripted (for development and tests)".to_owned(), server: None })
        }
        EngineKind::OpenAi => openai(configured(settings.openai, env)?, patience),
        EngineKind::Auto => auto(settings.openai, patience, env),
    }
}

fn builtin(description: &str) -> ChosenEngine {
    ChosenEngine { engine: Arc::new(BuiltinEngine::new()), description: description.to_owned(), server: None }
}

/// The first preset whose key the environment has, else the built-in engine.
fn auto(section: OpenAiSection, patience: Patience, env: Environment<'_>) -> Result<ChosenEngine, EngineConfigError> {
    for preset in PRESETS {
        if let Some(variable) = preset.key_variable
            && let Some(key) = lookup(env, variable)
        {
            let server = Server {
                name: preset.name.to_owned(),
                base_url: preset.base_url.to_owned(),
                preset: Some(preset),
                key: Some(Key { secret: key, origin: variable }),
                because: Some(format!("because {variable} is set")),
                section,
            };
            return openai(server, patience);
        }
    }
    // Whoever configured a server and forgot the kind is told so.
    Ok(if section.base_url.is_some() || section.preset.is_some() {
        builtin("builtin (no model connected: engine.openai is used only if engine.kind is \"openai\")")
    } else {
        builtin("builtin (no model connected)")
    })
}

/// A server that was chosen, with what else is configured about it.
struct Server {
    name: String,
    base_url: String,
    preset: Option<&'static Preset>,
    key: Option<Key>,
    because: Option<String>,
    section: OpenAiSection,
}

struct Key {
    secret: SecretString,
    origin: &'static str,
}

/// The server that `engine.openai` names: by its address, by a preset, or else OpenAI's own.
fn configured(mut section: OpenAiSection, env: Environment<'_>) -> Result<Server, EngineConfigError> {
    let base_url = section.base_url.take().filter(|url| !url.trim().is_empty());
    let preset = match (section.preset.take().filter(|name| !name.is_empty()), &base_url) {
        (Some(name), _) => Some(Preset::named(&name).ok_or(EngineConfigError::UnknownPreset(name))?),
        (None, Some(url)) => Preset::at(url),
        (None, None) => PRESETS.first(),
    };
    let base_url = base_url.or_else(|| preset.map(|preset| preset.base_url.to_owned())).unwrap_or_default();
    // The key in a provider's variable is for that provider: it does not go to whatever address was configured.
    let variable = Preset::at(&base_url).and_then(|preset| preset.key_variable);
    let configured = section.api_key.take().map(|secret| Key { secret, origin: "engine.openai.api_key" });
    let exported = || variable.and_then(|variable| Some(Key { secret: lookup(env, variable)?, origin: variable }));
    let key = configured.or_else(exported);
    if let (None, Some(variable), Some(preset)) = (&key, variable, preset) {
        return Err(EngineConfigError::MissingKey { preset: preset.name, variable });
    }
    let name = preset.map_or("openai", |preset| preset.name).to_owned();
    Ok(Server { name, base_url, preset, key, because: None, section })
}

fn openai(server: Server, patience: Patience) -> Result<ChosenEngine, EngineConfigError> {
    let Server { name, base_url, preset, key, because, section } = server;
    let models = models(&section, preset, &base_url)?;
    let default = models.first().map(|model| model.as_str().to_owned()).unwrap_or_default();
    let (api_key, origin) = match key {
        Some(Key { secret, origin }) => (Some(secret), origin),
        None => (None, "engine.openai.api_key"),
    };
    if api_key.is_some() && base_url.starts_with("http://") && !is_this_machine(&base_url) {
        tracing::warn!(key = "engine.openai.base_url", "the API key is sent without encryption; use https");
    }
    let engine = OpenAiEngine::new(OpenAiSettings {
        base_url: base_url.clone(),
        api_key,
        models,
        provider: name.clone(),
        ask_for_usage: preset.is_none_or(|preset| preset.ask_for_usage),
        token_limit: preset.map_or(TokenLimit::default(), |preset| preset.token_limit),
        connect_timeout: timeout("engine.openai.connect_timeout_ms", section.connect_timeout_ms)?,
        // Well before the model would be taken for dead, although it has finished.
        epilogue: EPILOGUE.min(patience.progress / 2),
    })
    .map_err(|error| match error {
        OpenAiConfigError::NotHttp | OpenAiConfigError::CredentialsInUrl => EngineConfigError::BaseUrl(error),
        OpenAiConfigError::UnusableKey => EngineConfigError::Key { origin, source: error },
        OpenAiConfigError::NoModel => EngineConfigError::NoModel(without_query(&base_url)),
        OpenAiConfigError::Client(_) => EngineConfigError::Client(error),
    })?;
    let because = because.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let description = format!("{name}: {default} at {}{because}", without_query(&base_url));
    Ok(ChosenEngine { engine: Arc::new(engine.clone()), description, server: Some(engine) })
}

/// The default first, then every other model that may be asked for.
fn models(
    section: &OpenAiSection,
    preset: Option<&'static Preset>,
    base_url: &str,
) -> Result<Vec<ModelName>, EngineConfigError> {
    let default = section.model.iter().map(|name| ("engine.openai.model", name.as_str()));
    let others = section.models.iter().map(|name| ("engine.openai.models", name.as_str()));
    let preset = preset.and_then(|preset| preset.default_model).map(|name| ("engine.openai.preset", name));
    let configured: Vec<_> = default.chain(others).filter(|(_, name)| !name.is_empty()).collect();
    let names = if configured.is_empty() { preset.into_iter().collect() } else { configured };

    let mut models = Vec::with_capacity(names.len());
    for (key, name) in names {
        let model = ModelName::try_from(name.to_owned()).map_err(|source| EngineConfigError::Model {
            key,
            name: name.to_owned(),
            source,
        })?;
        if !models.contains(&model) {
            models.push(model);
        }
    }
    if models.is_empty() {
        return Err(EngineConfigError::NoModel(without_query(base_url)));
    }
    Ok(models)
}

fn timeout(key: &'static str, milliseconds: u64) -> Result<Duration, EngineConfigError> {
    if milliseconds == 0 {
        return Err(EngineConfigError::Zero(key));
    }
    // A timer cannot be set for the end of the universe.
    Ok(Duration::from_millis(milliseconds).min(Duration::from_secs(24 * 60 * 60)))
}

/// A variable, without the line break that a shell may have left in it; one that is empty counts as not set.
fn lookup(env: Environment<'_>, variable: &str) -> Option<SecretString> {
    let value = env(variable)?;
    let value = value.trim();
    (!value.is_empty()).then(|| SecretString::from(value))
}

/// A URL as it may be shown: some servers take their key in the query.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn is_this_machine(base_url: &str) -> bool {
    ["http://localhost", "http://127.", "http://[::1]"].iter().any(|local| base_url.starts_with(local))
}

fn preset_names() -> String {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    names.join(", ")
}

fn cause(error: &OpenAiConfigError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
