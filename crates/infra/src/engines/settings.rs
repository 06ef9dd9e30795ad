//! What an operator may configure: the section `engine`.

use std::time::Duration;

use domain::chat::EngineErrorKind;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::scripted::Script;

/// `engine`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// `engine.kind`: what answers.
    pub kind: EngineKind,
    /// `engine.fallback_model`: what is asked when the asked model fails.
    pub fallback_model: Option<String>,
    /// `engine.retries`: how often a question is asked again at the most.
    pub retries: u32,
    /// `engine.first_token_timeout_ms`.
    pub first_token_timeout_ms: u64,
    /// `engine.progress_timeout_ms`.
    pub progress_timeout_ms: u64,
    /// `engine.max_seconds`: the most time of an answer.
    pub max_seconds: u64,
    /// `engine.max_output_tokens`: its most tokens.
    pub max_output_tokens: u32,
    /// `engine.max_output_bytes`: its most bytes.
    pub max_output_bytes: usize,
    /// `engine.openai`.
    pub openai: OpenAiSection,
    /// `engine.scripted`.
    pub scripted: ScriptedSection,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            kind: EngineKind::default(),
            fallback_model: None,
            retries: 1,
            first_token_timeout_ms: 60_000,
            progress_timeout_ms: 30_000,
            max_seconds: 600,
            max_output_tokens: 32_768,
            max_output_bytes: 1024 * 1024,
            openai: OpenAiSection::default(),
            scripted: ScriptedSection::default(),
        }
    }
}

/// What answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The first preset whose key the environment has, else `builtin`.
    #[default]
    Auto,
    /// A table of patterns.
    Builtin,
    /// A server that speaks OpenAI's chat completions.
    OpenAi,
    /// A script.
    Scripted,
}

/// `engine.openai`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenAiSection {
    /// `preset`: the name of a well-known server.
    pub preset: Option<String>,
    /// `base_url`: where the server is, in place of the preset's address.
    pub base_url: Option<String>,
    /// `api_key`: the key, in place of the one in the preset's variable.
    #[serde(deserialize_with = "secret")]
    pub api_key: Option<SecretString>,
    /// `model`: the default model.
    pub model: Option<String>,
    /// `models`: every model that may be asked for.
    pub models: Vec<String>,
    /// `connect_timeout_ms`.
    pub connect_timeout_ms: u64,
}

impl Default for OpenAiSection {
    fn default() -> Self {
        Self { preset: None, base_url: None, api_key: None, model: None, models: Vec::new(), connect_timeout_ms: 5_000 }
    }
}

/// `engine.scripted`; the defaults are those of [`Script`].
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in the script")]
pub struct ScriptedSection {
    /// `first_token_ms`: the time until the first token.
    pub first_token_ms: u64,
    /// `token_ms`: the time before each further token.
    pub token_ms: u64,
    /// `tokens`: how many there are.
    pub tokens: u32,
    /// `fail_after`: fail once so many tokens were told.
    pub fail_after: Option<u32>,
    /// `hang`: fall silent after the last token.
    pub hang: bool,
    /// `endless`: tell tokens for ever.
    pub endless: bool,
    /// `odd_utf8`: tell tokens that break careless code.
    pub odd_utf8: bool,
    /// `parts`: tell parts that are more than text, too.
    pub parts: bool,
}

impl Default for ScriptedSection {
    fn default() -> Self {
        let Script { tokens, .. } = Script::default();
        Self {
            first_token_ms: 0,
            token_ms: 0,
            tokens,
            fail_after: None,
            hang: false,
            endless: false,
            odd_utf8: false,
            parts: false,
        }
    }
}

impl From<ScriptedSection> for Script {
    fn from(section: ScriptedSection) -> Self {
        Self {
            first_token: Duration::from_millis(section.first_token_ms),
            token: Duration::from_millis(section.token_ms),
            tokens: section.tokens,
            fail_after: section.fail_after,
            fail_with: EngineErrorKind::Unavailable,
            hang: section.hang,
            endless: section.endless,
            odd_utf8: section.odd_utf8,
            parts: section.parts,
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}
