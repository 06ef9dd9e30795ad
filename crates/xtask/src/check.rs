//! `cargo xtask check`: what a reviewer should not have to say.

use std::process::{Command, ExitCode};

use crate::failure::{Context as _, Result};
use crate::{say, workspace};

pub(crate) fn run() -> Result<ExitCode> {
    let mut documentation = workspace::cargo(["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-Dwarnings");
    let checks = [
        ("format", workspace::cargo(["fmt", "--all", "--check"])),
        ("lints", workspace::cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("documentation", documentation),
    ];
    for (what, command) in checks {
        if !passes(what, command)? {
            say::error(format_args!("the check of {what} failed"));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn passes(what: &str, mut command: Command) -> Result<bool> {
    say::step(format_args!("checking {what}"));
    let status = command.status().context(|| format!("cannot run the check of {what}"))?;
    Ok(status.success())
}
