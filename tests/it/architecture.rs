//! The rules of docs/ARCHITECTURE.md that a compiler does not enforce.
//!
//! Each rule is a function from what is there to its violations. A test holds the repository to it, and another shows
//! that the rule notices what it is there for.

use std::path::{Path, PathBuf};

mod dependencies;
mod documents;
mod sources;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Exactly one violation, which says so.
#[track_caller]
fn assert_noticed(violations: &[String], expected: &str) {
    assert!(matches!(violations, [one] if one.contains(expected)), "{violations:?}");
}
