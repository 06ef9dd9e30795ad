//! Adapters of [`domain::chat::ChatEngine`], and the choice between them.
//!
//! | module | what answers |
//! | --- | --- |
//! | [`builtin`] | a table of patterns; needs nothing and shows that memory works |
//! | [`openai`] | any server that speaks OpenAI's chat completions |
//! | [`scripted`] | whatever a test wants: slow, failing, silent, endless or odd answers |
//! | [`guard`] | nothing by itself: timers, retries, a breaker, a second model and caps around each of them |
//! | [`settings`] | what an operator may configure |
//! | [`build()`] | from settings to an engine; `auto` is resolved here |

pub mod builtin;
pub mod guard;
pub mod openai;
pub mod scripted;
pub mod settings;

#[cfg(test)]
mod asked;
mod choice;

use domain::conversation::ModelName;

pub use builtin::BuiltinEngine;
pub use choice::{ChosenEngine, EngineConfigError, build};
pub use openai::{OpenAiConfigError, OpenAiEngine, OpenAiSettings, TokenLimit};
pub use scripted::{Script, ScriptedEngine};
pub use settings::{EngineKind, EngineSettings, OpenAiSection, ScriptedSection};

/// The name of a model that this crate brings itself.
#[expect(clippy::expect_used, reason = "the names are constants of this crate, and every test of an engine uses them")]
fn own_name(name: &'static str) -> ModelName {
    ModelName::try_from(name.to_owned()).expect("a valid model name")
}
