//! What can be sent and what can be set is written down.

use std::collections::{BTreeMap, BTreeSet};

use api::ErrorCode;

use super::{assert_none, assert_noticed, read, root};

#[test]
fn every_error_code_is_in_the_list_of_errors() {
    assert_none(&undocumented_codes(&read(root().join("docs/ERRORS.md"))));
}

#[test]
fn every_key_is_in_the_list_of_settings() {
    let [defaults, document] = ["config/default.toml", "docs/CONFIG.md"].map(|file| read(root().join(file)));
    assert_none(&undocumented_keys(&defaults, &document));
}

#[test]
fn every_metric_is_in_the_list_of_metrics() {
    let [source, document] = ["crates/server/src/metrics.rs", "docs/OPERATIONS.md"].map(|file| read(root().join(file)));
    assert_none(&undocumented_metrics(&source, &document));
}

#[test]
fn a_metric_that_is_missing_is_noticed() {
    let source = "describe_gauge!(\"colloquy_a\", …);\ndescribe_counter!(\"colloquy_b\", …);";
    let notice = |document: &str, expected| assert_noticed(&undocumented_metrics(source, document), expected);
    notice("| `colloquy_a` | | … |", "colloquy_b is missing");
    notice("| `colloquy_a`, `colloquy_b`, `colloquy_c` | | … |", "there is no colloquy_c");
    assert_none(&undocumented_metrics(source, "| `colloquy_a`, `colloquy_b` | | … |\n`colloquy_c` is in no table"));
}

#[test]
fn every_fault_test_is_in_the_list_of_promises() {
    let sources = rust_files_below("tests/it/faults");
    assert_none(&unlisted_tests(&sources, &read(root().join("docs/RELIABILITY.md"))));
}

#[test]
fn a_fault_test_that_is_missing_is_noticed() {
    let notice = |source: &str, document: &str, expected| {
        assert_noticed(&unlisted_tests(source, document), expected);
    };
    notice("async fn r1_lost()", "`r1_found`, `r1_lost`", "there is no r1_found");
    notice("async fn r1_lost()\nasync fn r2_found(backend: Backend)", "`r2_found`", "r1_lost is missing");
}

#[test]
fn every_security_test_is_in_the_table_of_rows() {
    let files = std::fs::read_dir(root().join("tests/it/security")).unwrap();
    let stems = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let rows: BTreeSet<String> =
        stems.filter(|stem| stem.starts_with('s') && stem.as_bytes()[1].is_ascii_digit()).collect();
    assert!(rows.len() > 30, "{rows:?}");
    assert_none(&unlisted_rows(&rows, &read(root().join("docs/SECURITY.md"))));
}

#[test]
fn a_security_test_that_is_missing_is_noticed() {
    let rows = BTreeSet::from(["s01_kept".to_owned(), "s02_lost".to_owned()]);
    assert_noticed(&unlisted_rows(&rows, "| S1 | … | `s01_kept` |"), "s02_lost is missing");
    assert_noticed(&unlisted_rows(&rows, "| S1 | … | `s01_kept`, `s02_lost`, `s03_found` |"), "there is no s03_found");
}

/// Where the table of security rows and the tests disagree.
fn unlisted_rows(rows: &BTreeSet<String>, document: &str) -> Vec<String> {
    let table = document.lines().filter(|line| line.starts_with("| S"));
    let named: BTreeSet<String> = table
        .filter_map(|line| line.split('|').nth(3).or_else(|| line.split('|').nth(2)))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| name.starts_with('s') && name.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
        .map(str::to_owned)
        .collect();
    let missing = rows.difference(&named).map(|row| format!("{row} is missing"));
    missing.chain(named.difference(rows).map(|row| format!("there is no {row}"))).collect()
}

#[test]
fn a_code_that_is_missing_is_noticed() {
    let errors = read(root().join("docs/ERRORS.md"));
    assert_noticed(&undocumented_codes(&errors.replace("| `draining` |", "| `draning` |")), "draining");
    assert_noticed(
        &undocumented_codes(&errors.replace("`engine_error` | 502", "`engine_error` | 500")),
        "engine_error",
    );
}

#[test]
fn a_key_that_is_missing_is_noticed() {
    let notice = |document: &str, expected| assert_noticed(&undocumented_keys("[a]\nb = 1\n", document), expected);
    notice("", "a.b = 1 is missing");
    notice("| `a.b` | `2` | … |", "a.b = 1 is missing");
    notice("| `a.b` | `1` | … |\n| `a.c` | `1` | … |", "there is no a.c");
}

fn undocumented_codes(document: &str) -> Vec<String> {
    let rows = rows(document);
    let is_told = |code: &&ErrorCode| rows.get(code.as_str()) == Some(&code.status().as_str());
    let missing = ErrorCode::ALL.iter().filter(|code| !is_told(code));
    missing.map(|code| format!("{} {} is missing", code.status(), code.as_str())).collect()
}

fn undocumented_keys(defaults: &str, document: &str) -> Vec<String> {
    let mut keys = BTreeMap::new();
    flatten("", &toml::Value::Table(defaults.parse().unwrap()), &mut keys);
    let rows = rows(document);
    let missing = keys.iter().filter(|(key, default)| rows.get(key.as_str()) != Some(&format!("`{default}`").as_str()));
    let missing = missing.map(|(key, default)| format!("{key} = {default} is missing"));
    let known = rows.keys().filter(|key| key.contains('.') && !keys.contains_key(**key));
    missing.chain(known.map(|key| format!("there is no {key}"))).collect()
}

/// A row may tell of several metrics, with commas between them.
fn undocumented_metrics(source: &str, document: &str) -> Vec<String> {
    let described = source.split("describe_").skip(1).filter_map(|rest| rest.split('"').nth(1));
    let there: BTreeSet<&str> = described.filter(|name| name.starts_with("colloquy_")).collect();
    let names = document.lines().filter_map(|line| line.strip_prefix("| `colloquy_")?.split(" | ").next());
    let told: BTreeSet<String> = names
        .flat_map(|names| names.split("`, `colloquy_"))
        .map(|name| format!("colloquy_{}", name.trim_end_matches('`')))
        .collect();
    let missing = there.iter().filter(|name| !told.contains(**name)).map(|name| format!("{name} is missing"));
    missing
        .chain(told.iter().filter(|name| !there.contains(name.as_str())).map(|name| format!("there is no {name}")))
        .collect()
}

/// Tests are named after their row: `r`, its number, and what they show.
fn unlisted_tests(sources: &str, document: &str) -> Vec<String> {
    let is_of_row = |name: &str| {
        name.strip_prefix('r')
            .and_then(|rest| rest.split_once('_'))
            .is_some_and(|(row, _)| !row.is_empty() && row.chars().all(|character| character.is_ascii_digit()))
    };
    let functions = sources.split("async fn ").skip(1).filter_map(|rest| rest.split('(').next());
    let there: BTreeSet<&str> = functions.filter(|name| is_of_row(name)).collect();
    let told: BTreeSet<&str> = document.split('`').filter(|word| is_of_row(word) && !word.contains(' ')).collect();
    let missing = there.difference(&told).map(|name| format!("{name} is missing"));
    missing.chain(told.difference(&there).map(|name| format!("there is no {name}"))).collect()
}

fn rust_files_below(folder: &str) -> String {
    let files = std::fs::read_dir(root().join(folder)).unwrap();
    files.map(|file| read(file.unwrap().path())).collect()
}

/// The tables' rows that begin with something in backticks, and what their second column says.
fn rows(document: &str) -> BTreeMap<&str, &str> {
    document
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            Some((cells.next()?.strip_suffix('`')?, cells.next()?))
        })
        .collect()
}

fn flatten(prefix: &str, value: &toml::Value, keys: &mut BTreeMap<String, String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, keys);
            }
        }
        value => {
            keys.insert(prefix.to_owned(), value.to_string());
        }
    }
}
