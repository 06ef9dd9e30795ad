//! Who may depend on whom.

use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::{assert_none, assert_noticed, read, root};

/// The crates, and which of ours each may use. `tests` alone may use the server.
const EDGES: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("infra", &["domain"]),
    ("api", &["domain"]),
    ("server", &["api", "domain", "infra"]),
    ("xtask", &[]),
    ("fuzz-targets", &["api", "domain", "infra"]),
    ("tests", &["api", "domain", "infra", "server"]),
];

/// What the domain may use: no runtime, no framework, no database, no network.
const DOMAIN_USES: [&str; 8] =
    ["async-trait", "chrono", "futures-core", "futures-util", "mockall", "secrecy", "thiserror", "uuid"];

/// What its tests may use besides.
const DOMAIN_TESTS_USE: [&str; 3] = ["domain", "proptest", "tokio"];

#[test]
fn crates_use_only_those_below_them() {
    assert_none(&forbidden_edges(&workspace(&root())));
}

#[test]
fn the_domain_uses_only_what_is_pure() {
    assert_none(&impurities(&workspace(&root())));
}

#[test]
fn every_crate_inherits_the_lints() {
    assert_none(&crates_without_lints(&workspace(&root())));
}

#[test]
fn diesel_in_the_domain_is_noticed() {
    for table in ["[dependencies]", "[dev-dependencies]"] {
        let changed = format!("{table}\ndiesel.workspace = true");
        assert_noticed(&violations_with("crates/domain", table, &changed, impurities), "domain may not use diesel");
    }
    let build = "[build-dependencies]\ndiesel.workspace = true\n\n[dependencies]";
    assert_noticed(&violations_with("crates/domain", "[dependencies]", build, impurities), "domain may not use diesel");
    let tokio = "[dependencies]\ntokio.workspace = true";
    assert_noticed(&violations_with("crates/domain", "[dependencies]", tokio, impurities), "domain may not use tokio");
}

#[test]
fn infra_in_the_api_is_noticed() {
    for table in ["[dependencies]", "[dev-dependencies]"] {
        let changed = format!("{table}\ninfra.workspace = true");
        assert_noticed(&violations_with("crates/api", table, &changed, forbidden_edges), "api may not use infra");
    }
}

#[test]
fn the_server_in_anything_but_the_tests_is_noticed() {
    let changed = "[dependencies]\nserver.workspace = true";
    let violations = violations_with("crates/xtask", "[dependencies]", changed, forbidden_edges);
    assert_noticed(&violations, "xtask may not use server");
}

#[test]
fn a_crate_without_the_lints_is_noticed() {
    let (inherited, own) = ("[lints]\nworkspace = true", "[lints.rust]\nunsafe_code = \"allow\"");
    let violations = violations_with("crates/infra", inherited, own, crates_without_lints);
    assert_noticed(&violations, "infra does not inherit");
}

fn forbidden_edges(workspace: &Metadata) -> Vec<String> {
    let ours: Vec<&str> = workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = EDGES.iter().find(|(of, _)| *of == name) else {
            violations.push(format!("{name} has no place among the crates yet: give it one"));
            continue;
        };
        for (used, kind) in dependencies(package).filter(|(used, _)| ours.contains(used)) {
            // A crate's own tests may use it with other features.
            let is_itself = used == name && kind == DependencyKind::Development;
            if !allowed.contains(&used) && !is_itself {
                violations.push(format!("{name} may not use {used} ({kind})"));
            }
        }
    }
    violations
}

fn impurities(workspace: &Metadata) -> Vec<String> {
    let domain = workspace.packages.iter().find(|package| package.name == "domain").unwrap();
    dependencies(domain)
        .filter(|(used, kind)| {
            let by_tests = *kind == DependencyKind::Development && DOMAIN_TESTS_USE.contains(used);
            !DOMAIN_USES.contains(used) && !by_tests
        })
        .map(|(used, kind)| format!("domain may not use {used} ({kind})"))
        .collect()
}

fn crates_without_lints(workspace: &Metadata) -> Vec<String> {
    let inherits = |package: &&Package| {
        let manifest: toml::Table = read(&package.manifest_path).parse().unwrap();
        manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
    };
    let others = workspace.packages.iter().filter(|package| !inherits(package));
    others.map(|package| format!("{} does not inherit the workspace's lints", package.name)).collect()
}

/// What the package uses, and for what; under whatever name and on whatever platform.
fn dependencies(package: &Package) -> impl Iterator<Item = (&str, DependencyKind)> {
    package.dependencies.iter().map(|dependency| (dependency.name.as_str(), dependency.kind))
}

fn workspace(root: &Path) -> Metadata {
    let workspace = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().unwrap();
    assert_eq!(workspace.packages.len(), EDGES.len());
    workspace
}

/// What the rule says of the workspace as it would be with another text in a crate's manifest.
fn violations_with(member: &str, old: &str, new: &str, rule: fn(&Metadata) -> Vec<String>) -> Vec<String> {
    let copy = tempfile::tempdir().unwrap();
    let manifest = |folder: &Path| folder.join("Cargo.toml");
    fs::write(manifest(copy.path()), read(manifest(&root()))).unwrap();
    for package in workspace(&root()).packages {
        let folder = package.manifest_path.parent().unwrap().strip_prefix(root()).unwrap();
        let mut text = read(&package.manifest_path);
        if folder == member {
            assert!(text.contains(old), "{member} has no {old}");
            text = text.replacen(old, new, 1);
        }
        let folder = copy.path().join(folder);
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(manifest(&folder), text).unwrap();
        // A package must have something to build.
        fs::write(folder.join("src/lib.rs"), "").unwrap();
    }
    rule(&workspace(copy.path()))
}
