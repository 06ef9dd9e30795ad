//! What a person at the command line is told when something does not work.

use std::fmt;

/// What happened, where, and what to do next: in that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    what: String,
    place: String,
    next: String,
}

impl Problem {
    /// A problem, told in three parts.
    pub fn new(what: impl fmt::Display, place: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self { what: what.to_string(), place: place.to_string(), next: next.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, place, next } = self;
        write!(f, "error: {what}\n  where: {place}\n   next: {next}")
    }
}
