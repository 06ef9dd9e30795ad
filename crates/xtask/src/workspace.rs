//! Where the checkout is, and cargo in it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context as _, Failure, Result};

/// The root of the checkout this xtask was built from.
pub(crate) fn root() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.ancestors().nth(2).unwrap_or(member).to_owned()
}

/// The cargo that runs us, started at the root of the checkout.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Cargo's target directory, wherever the configuration puts it.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let output = cargo(["metadata", "--no-deps", "--format-version=1"])
        .stderr(Stdio::inherit())
        .output()
        .context(|| "cannot run cargo metadata".into())?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context(|| "cannot read what cargo metadata says".into())?;
    let directory = metadata["target_directory"].as_str();
    directory.map(PathBuf::from).ok_or_else(|| Failure::new("cargo metadata names no target directory"))
}
