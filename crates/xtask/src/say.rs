//! The one place that writes to the terminal.

use std::fmt::Display;
use std::io::{self, Write as _};

/// A result: goes to standard output. A reader that went away is no reason to fail a chore.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// What is going on: goes to standard error, marked, so that it stands out between the lines of cargo.
pub(crate) fn step(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "xtask: {text}");
}

pub(crate) fn error(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "xtask: error: {text}");
}
