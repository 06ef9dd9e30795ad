//! What the source files look like.

use std::fs;
use std::path::{Path, PathBuf};

use super::{assert_none, assert_noticed, read, root};

/// The longest that a file may be, without the tests at its end.
const MAX_LINES: usize = 400;
/// The longest that `main.rs` may be.
const MAX_MAIN_LINES: usize = 40;

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    assert_none(&over_all(&["crates"], too_long));
}

#[test]
fn main_wires_and_nothing_else() {
    assert_none(&over_all(&["crates/server", "tests"], too_long_a_main));
}

#[test]
fn the_api_does_not_know_the_adapters() {
    assert_none(&over_all(&["crates/api"], names_infra));
}

#[test]
fn what_breaks_a_rule_is_noticed() {
    let lines = |count: usize| "let x = 1;\n".repeat(count);
    let source = Path::new("crates/infra/src/live.rs");
    assert_eq!(too_long(source, &lines(400)), None);
    let violation = too_long(source, &lines(401)).unwrap();
    assert_noticed(&[violation], "crates/infra/src/live.rs has 401 lines");
    let with_tests = lines(400) + "#[cfg(test)]\nmod tests {\n" + &lines(500) + "}\n";
    assert_eq!(too_long(source, &with_tests), None);
    let with_tests_elsewhere = "#[cfg(test)]\nmod tests;\n".to_owned() + &lines(400);
    assert!(too_long(source, &with_tests_elsewhere).is_some(), "only tests at the end are not counted");
    assert_eq!(too_long(Path::new("crates/infra/src/live/tests.rs"), &lines(500)), None);
    assert_eq!(too_long(Path::new("crates/api/tests/it/chat.rs"), &lines(500)), None);

    assert_eq!(too_long_a_main(source, &lines(41)), None);
    assert!(too_long_a_main(Path::new("crates/server/src/main.rs"), &lines(41)).is_some());

    assert!(names_infra(source, "use infra::store;").is_some());
    assert_eq!(names_infra(source, "the infrastructure"), None);
}

fn too_long(path: &Path, text: &str) -> Option<String> {
    let is_test = path.ends_with("tests.rs") || path.iter().any(|folder| folder == "tests");
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    let count = tests.unwrap_or(lines.len());
    (!is_test && count > MAX_LINES).then(|| format!("{} has {count} lines: divide it", path.display()))
}

fn too_long_a_main(path: &Path, text: &str) -> Option<String> {
    let is_main = path.ends_with("src/main.rs");
    let count = text.lines().count();
    (is_main && count > MAX_MAIN_LINES).then(|| format!("{} has {count} lines: main only wires", path.display()))
}

fn names_infra(path: &Path, text: &str) -> Option<String> {
    let mut words = text.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.any(|word| word == "infra").then(|| format!("{} names infra", path.display()))
}

/// The rule's violations by the Rust files below those folders.
fn over_all(folders: &[&str], rule: impl Fn(&Path, &str) -> Option<String>) -> Vec<String> {
    let mut files = Vec::new();
    for folder in folders {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(!files.is_empty());
    files.iter().filter_map(|file| rule(file.strip_prefix(root()).unwrap(), &read(file))).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
