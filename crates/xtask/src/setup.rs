//! `cargo xtask setup`: installs what the tests need and finds it again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{Installation, OLDEST_MAJOR};
use crate::say;

/// A server that Debian's packaging would otherwise create and start on port 5432: nobody asked for one.
const NO_MAIN_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/colloquy-setup.conf";

pub(crate) fn run(bench: bool) -> Result<()> {
    let installation = ensure_postgres(bench)?;
    ensure_curl()?;
    say::line(format_args!("PostgreSQL {} in {}", installation.major, installation.bin.display()));
    if bench && !python_makes_environments() {
        install(&["python3", "python3-venv"])?;
    }
    Ok(())
}

/// Finds PostgreSQL, or installs it first.
pub(crate) fn ensure_postgres(bench: bool) -> Result<Installation> {
    let suits = |found: &Installation| !bench || found.has("pgbench");
    if let Some(found) = Installation::find().filter(suits) {
        return Ok(found);
    }
    say::step(format_args!("no PostgreSQL {OLDEST_MAJOR} or later on this machine, installing it"));
    install_postgres(bench)?;
    Installation::find().filter(suits).ok_or_else(|| {
        Failure::new(format!(
            "apt-get succeeded, yet there is no PostgreSQL {OLDEST_MAJOR} or later in /usr/lib/postgresql/*/bin or in PATH.\n\
             This distribution may be too old: take it from https://wiki.postgresql.org/wiki/Apt and run this again."
        ))
    })
}

/// The README's curl lines are run by a test, as written.
pub(crate) fn ensure_curl() -> Result<()> {
    let works = |mut command: Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let mut curl = Command::new("curl");
    curl.arg("--version");
    if works(curl).is_ok_and(|status| status.success()) { Ok(()) } else { install(&["curl"]) }
}

fn install_postgres(bench: bool) -> Result<()> {
    let packages: &[&str] = if bench { &["postgresql", "postgresql-contrib"] } else { &["postgresql"] };
    require_apt(packages)?;
    apt(&["update"])?;
    // The common part first: it owns the directory of the setting that keeps the server from being set up.
    apt_install(&["postgresql-common"])?;
    let no_main_cluster = NoMainCluster::set();
    let installed = apt_install(packages);
    drop(no_main_cluster);
    installed
}

fn install(packages: &[&str]) -> Result<()> {
    require_apt(packages)?;
    apt(&["update"])?;
    apt_install(packages)
}

/// Refuses with the commands to type where we may not, or cannot, install.
fn require_apt(packages: &[&str]) -> Result<()> {
    let has_apt = Command::new("apt-get")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if has_apt && is_root() {
        return Ok(());
    }
    let names = packages.join(" ");
    Err(Failure::new(if has_apt {
        format!(
            "{names} must be installed, and only root may do that. Run\n\n    sudo apt-get update\n    \
             sudo apt-get install -y --no-install-recommends {names}\n\nand then this command again."
        )
    } else {
        format!(
            "{names} must be installed, and this machine has no apt-get. Install the server of PostgreSQL {OLDEST_MAJOR} \
             or later with its own package manager, for example\n\n    sudo dnf install postgresql-server postgresql-contrib\n    \
             sudo pacman -S postgresql\n    apk add postgresql postgresql-contrib\n    brew install postgresql\n\n\
             so that initdb, postgres and pg_ctl are in PATH, and then run this command again."
        )
    }))
}

fn apt_install(packages: &[&str]) -> Result<()> {
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let shown = format!("apt-get {}", arguments.join(" "));
    say::step(&shown);
    let status = Command::new("apt-get")
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context(|| format!("cannot run {shown}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{shown}` failed ({status}); its output says why")))
    }
}

/// While it lives, installing PostgreSQL sets up no server. It is gone afterwards: whoever installs one on purpose gets one.
struct NoMainCluster;

impl NoMainCluster {
    /// Where it cannot be set the packaging makes its server, which does no harm to the tests: they never use it.
    fn set() -> Self {
        if let Err(error) = fs::create_dir_all(Path::new(NO_MAIN_CLUSTER).with_file_name(""))
            .and_then(|()| fs::write(NO_MAIN_CLUSTER, "create_main_cluster = false\n"))
        {
            say::step(format_args!("{NO_MAIN_CLUSTER}: {error}; a server may be set up on port 5432"));
        }
        Self
    }
}

impl Drop for NoMainCluster {
    fn drop(&mut self) {
        let _ = fs::remove_file(NO_MAIN_CLUSTER);
    }
}

/// Whether this process is root; the owner of its entry in /proc says so without a call into libc.
pub(crate) fn is_root() -> bool {
    fs::metadata(PathBuf::from("/proc/self")).is_ok_and(|process| process.uid() == 0)
}

fn python_makes_environments() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
