//! The command line: what each command prints, with which exit code it ends, and what it says when it cannot.

mod accounts;
mod doctor;
mod keys;
mod migrate;
mod openapi;
mod settings;

use crate::support::process::Ended;

/// Nobody listens there, so that whoever connects is told at once.
const UNREACHABLE: &str = "postgres://postgres@127.0.0.1:1/colloquy";

impl Ended {
    /// What it printed, having done what it was asked.
    #[track_caller]
    pub(crate) fn printed(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.out
    }

    /// What it complained about, having done nothing. A complaint says what happened, where, and what to do next.
    #[track_caller]
    pub(crate) fn complained(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        for part in ["error: ", "\n  where: ", "\n   next: "] {
            assert!(self.err.contains(part), "{self:?}");
        }
        &self.err
    }
}

/// Fails if one of the texts is missing.
#[track_caller]
pub(crate) fn assert_all(said: &str, texts: &[&str]) {
    for text in texts {
        assert!(said.contains(text), "{text:?} is missing: {said}");
    }
}
