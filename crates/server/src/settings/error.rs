use std::fmt;
use std::path::PathBuf;

use super::Origin;
use crate::problem::Problem;

/// Why the settings cannot be used. Everything that is wrong is told at once.
#[derive(Debug)]
pub enum SettingsError {
    /// `COLLOQUY_PROFILE` names no profile.
    UnknownProfile {
        /// What it says.
        name: String,
    },
    /// The file cannot be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where in it, counted from 1.
        line: Option<usize>,
        /// What the parser says. The line itself is not repeated: it may hold a secret.
        message: String,
    },
    /// Keys that do not exist, or whose values break their rules.
    Keys(Vec<KeyProblem>),
}

/// What is wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProblem {
    /// The key, in full.
    pub key: String,
    /// Where it was said.
    pub origin: Origin,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What can be wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// There is no such key.
    Unknown {
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// The value is of another type.
    WrongType {
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// The value breaks its rule, which this is.
    Rejected(String),
}

impl SettingsError {
    /// What to tell a person: each with what happened, where, and what to do next.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::UnknownProfile { name } => vec![Problem::new(
                format!("there is no profile `{name}`"),
                Origin::Variable("COLLOQUY_PROFILE".to_owned()),
                "use one of: development, production, test",
            )],
            Self::Unreadable { path, source } => vec![Problem::new(
                format!("the settings file cannot be read: {source}"),
                path.display(),
                "name a file that exists and can be read with --config or COLLOQUY_CONFIG, or neither",
            )],
            Self::Malformed { path, line, message } => {
                let place = match line {
                    Some(line) => format!("{}, line {line}", path.display()),
                    None => path.display().to_string(),
                };
                let what = format!("the settings file is not valid TOML: {message}");
                vec![Problem::new(what, place, "mend the file; config/default.toml shows how every key is written")]
            }
            Self::Keys(keys) => keys.iter().map(KeyProblem::problem).collect(),
        }
    }
}

impl KeyProblem {
    fn problem(&self) -> Problem {
        let key = &self.key;
        match &self.flaw {
            Flaw::Unknown { suggestion: Some(meant) } => Problem::new(
                format!("there is no key `{key}`"),
                &self.origin,
                format!("write `{meant}` if you meant that"),
            ),
            Flaw::Unknown { suggestion: None } => {
                let next = "remove it; docs/CONFIG.md lists the keys there are";
                Problem::new(format!("there is no key `{key}`"), &self.origin, next)
            }
            Flaw::WrongType { expected, found } => {
                let what = format!("`{key}` must be {expected}, but is {found}");
                Problem::new(what, &self.origin, format!("give `{key}` {expected}, or remove it for its default"))
            }
            Flaw::Rejected(rule) => {
                let next = format!("correct `{key}`, or remove it for its default; docs/CONFIG.md says what it means");
                Problem::new(format!("`{key}` {rule}"), &self.origin, next)
            }
        }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems().iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
