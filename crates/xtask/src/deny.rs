//! `cargo xtask deny`: what is depended on, held against deny.toml.
//!
//! Licences, bans and sources need nothing but the lock file. Known vulnerabilities need the database of `RustSec`, which is
//! fetched from GitHub; where that is out of reach they are not checked, and this is said where nobody can miss it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::failure::{Context as _, Failure, Result};
use crate::{say, workspace};

const VERSION: &str = "0.20.2";
/// Where the database comes from, for whoever must open a way to it.
const DATABASE: &str = "https://github.com/RustSec/advisory-db";

pub(crate) fn run() -> Result<ExitCode> {
    let tool = installed(&workspace::target_directory()?.join("tools"))?;
    say::step("checking licences, bans and sources");
    if !succeeds(deny(&tool, &["check", "licenses", "bans", "sources"]))? {
        say::error("a dependency breaks a rule of deny.toml");
        return Ok(ExitCode::FAILURE);
    }
    say::step(format_args!("fetching the database of known vulnerabilities from {DATABASE}"));
    if !succeeds(deny(&tool, &["fetch", "db"]))? {
        say::error(format_args!(
            "KNOWN VULNERABILITIES WERE NOT CHECKED: the database cannot be had from here.\n  \
             where: {DATABASE}\n   next: run `cargo xtask deny` on a machine that reaches it, before a release at the latest"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say::step("checking for known vulnerabilities");
    if !succeeds(deny(&tool, &["check", "--disable-fetch", "advisories"]))? {
        say::error("a dependency is known to be vulnerable: raise it, or name the advisory in deny.toml with a reason");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn deny(tool: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(tool);
    command.args(["--all-features", "--log-level", "warn"]).args(arguments).current_dir(workspace::root());
    command
}

fn succeeds(mut command: Command) -> Result<bool> {
    Ok(command.status().context(|| "cannot run cargo-deny".into())?.success())
}

/// The tool, in the version that deny.toml is written for. Building it takes some minutes, once.
fn installed(folder: &Path) -> Result<PathBuf> {
    let tool = folder.join("bin").join("cargo-deny");
    let version = Command::new(&tool).arg("--version").output();
    let is_there = version.is_ok_and(|output| output.stdout.trim_ascii_end().ends_with(VERSION.as_bytes()));
    if is_there {
        return Ok(tool);
    }
    say::step(format_args!("building cargo-deny {VERSION} in {}", folder.display()));
    let mut install = workspace::cargo(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]);
    install.arg(folder).arg("--target-dir").arg(folder.join("build"));
    if install.status().context(|| "cannot run cargo install".into())?.success() {
        Ok(tool)
    } else {
        Err(Failure::new(format!("cargo-deny {VERSION} could not be built; it comes from crates.io")))
    }
}
