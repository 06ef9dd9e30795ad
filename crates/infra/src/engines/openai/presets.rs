//! Where the well-known servers are.

use super::request::TokenLimit;

/// A server that is known by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name, as `engine.openai.preset` takes it.
    pub name: &'static str,
    /// Where it is.
    pub base_url: &'static str,
    /// The variable of the environment that holds its key; a server on one's own machine needs none.
    pub key_variable: Option<&'static str>,
    /// The model that is asked unless another is configured; none where that depends on the installation.
    pub default_model: Option<&'static str>,
    /// Whether it may be asked for token counts.
    pub ask_for_usage: bool,
    /// What it calls the most tokens of an answer.
    pub token_limit: TokenLimit,
}

/// All of them. `auto` takes the first whose key is there.
pub const PRESETS: &[Preset] = &[
    // OpenAI's newer models refuse what everybody else still calls it.
    Preset {
        token_limit: TokenLimit::MaxCompletionTokens,
        ..hosted("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "gpt-6-luna")
    },
    hosted("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "claude-haiku-4-5"),
    hosted(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        "gemini-flash-latest",
    ),
    // Mistral counts without being asked, and refuses a request that asks.
    Preset {
        ask_for_usage: false,
        ..hosted("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral-small-latest")
    },
    hosted("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "openai/gpt-oss-120b"),
    hosted("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter/auto"),
    hosted("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "deepseek-v4-flash"),
    local("ollama", "http://localhost:11434/v1", Some("llama3.2")),
    local("vllm", "http://localhost:8000/v1", None),
    // It serves the one model that it was started with, whatever it is called in the request.
    local("llamacpp", "http://localhost:8080/v1", Some("default")),
];

impl Preset {
    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The preset whose server is at `base_url`.
    pub fn at(base_url: &str) -> Option<&'static Self> {
        let base_url = base_url.trim().trim_end_matches('/');
        PRESETS.iter().find(|preset| preset.base_url == base_url)
    }
}

const fn hosted(name: &'static str, base_url: &'static str, key: &'static str, model: &'static str) -> Preset {
    let token_limit = TokenLimit::MaxTokens;
    Preset { name, base_url, key_variable: Some(key), default_model: Some(model), ask_for_usage: true, token_limit }
}

const fn local(name: &'static str, base_url: &'static str, model: Option<&'static str>) -> Preset {
    let token_limit = TokenLimit::MaxTokens;
    Preset { name, base_url, key_variable: None, default_model: model, ask_for_usage: true, token_limit }
}
