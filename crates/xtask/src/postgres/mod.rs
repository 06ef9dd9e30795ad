//! A PostgreSQL of our own: private port, private directory, gone with the process that started it.

mod account;
mod installation;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

pub(crate) use self::account::Account;
pub(crate) use self::installation::{Installation, OLDEST_MAJOR};
use crate::failure::{Context as _, Failure, Result};
use crate::say;

const SUPERVISE: &str = include_str!("supervise.sh");

/// Another process may take the free port between our look and the server's start.
const ATTEMPTS: usize = 3;

/// What the server does to keep what it has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Survives a crash of the server, not one of the machine: for tests.
    Process,
    /// Survives a power cut, as production must: for measurements.
    Full,
}

impl Durability {
    fn settings(self) -> &'static str {
        match self {
            // synchronous_commit stays on: tests kill the server and expect what was acknowledged to be there.
            Self::Process => "fsync = off\nfull_page_writes = off\nshared_buffers = 64MB\n",
            Self::Full => "fsync = on\nsynchronous_commit = on\nshared_buffers = 256MB\nmax_wal_size = 4GB\n",
        }
    }
}

/// A running server. Dropping it stops the server and removes its directory.
#[derive(Debug)]
pub(crate) struct Cluster {
    bin: PathBuf,
    port: u16,
    /// The shell that supervises the server, and the pipe whose end it waits for.
    supervisor: Child,
    leash: Option<ChildStdin>,
    directory: TempDir,
}

impl Cluster {
    /// Makes and starts a server whose directory lies in `base`, or in a place its account can reach when `base` is not.
    pub(crate) fn start(installation: &Installation, base: &Path, durability: Durability) -> Result<Self> {
        let account = Account::for_server()?;
        let mut last = Failure::new("PostgreSQL was not started");
        for _ in 0..ATTEMPTS {
            match Self::attempt(installation, base, durability, account) {
                Ok(cluster) => return Ok(cluster),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    fn attempt(
        installation: &Installation,
        base: &Path,
        durability: Durability,
        account: Option<Account>,
    ) -> Result<Self> {
        let directory = private_directory(base, account)?;
        let port = free_port()?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 200\n{}",
            durability.settings()
        );
        let path = directory.path().join("settings");
        fs::write(&path, settings).context(|| format!("cannot write {}", path.display()))?;
        give(&path, account)?;

        let mut supervisor = as_account("sh", account)
            .args(["-c", SUPERVISE, "supervise.sh"])
            .args([&installation.bin, directory.path()])
            // Out of reach of the terminal's Ctrl-C: the supervisor has to outlive us by a moment.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(|| "cannot start a shell for PostgreSQL".into())?;
        let leash = supervisor.stdin.take();
        let mut said = String::new();
        if let Some(output) = supervisor.stdout.take() {
            // The script bounds each of its steps, so this line or the end of the output comes within three minutes.
            BufReader::new(output)
                .read_line(&mut said)
                .context(|| "cannot hear from PostgreSQL's supervisor".into())?;
        }
        let cluster = Self { bin: installation.bin.clone(), port, supervisor, leash, directory };
        if said.trim() == "ready" {
            Ok(cluster)
        } else {
            Err(Failure::new(format!("PostgreSQL {} did not start; its last words are above", installation.major)))
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The URL of a database, as the server's superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// One of PostgreSQL's own programs, pointed at this server.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        without_settings(&mut command);
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGCONNECT_TIMEOUT", "10")
            .stdin(Stdio::null());
        command
    }

    /// Runs SQL in `database` and returns what it printed, unaligned and without headings.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let output = self
            .client("psql")
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql])
            .output()
            .context(|| "cannot run psql".into())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(Failure::new(format!("psql on {database}: {}", String::from_utf8_lossy(&output.stderr).trim())))
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.leash.take());
        if let Err(error) = self.supervisor.wait() {
            say::error(format_args!("PostgreSQL in {} was not seen to stop: {error}", self.directory().display()));
        }
    }
}

/// A port of 127.0.0.1 that is free now.
pub(crate) fn free_port() -> Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context(|| "cannot find a free port on 127.0.0.1".into())
}

/// A new directory that the server's account owns and can get to: a checkout under /root, say, is closed to it.
fn private_directory(base: &Path, account: Option<Account>) -> Result<TempDir> {
    for candidate in [base, Path::new("/tmp"), Path::new("/var/tmp")] {
        let Ok(directory) = tempfile::Builder::new().prefix("colloquy-postgres-").tempdir_in(candidate) else {
            continue;
        };
        give(directory.path(), account)?;
        let reachable = as_account("sh", account)
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if reachable {
            return Ok(directory);
        }
    }
    Err(Failure::new(format!("PostgreSQL's account can reach neither {}, nor /tmp, nor /var/tmp", base.display())))
}

fn give(path: &Path, account: Option<Account>) -> Result<()> {
    let Some(Account { user, group }) = account else { return Ok(()) };
    chown(path, Some(user), Some(group)).context(|| format!("cannot give {} to the server's account", path.display()))
}

/// A command of the server's account, with its supplementary groups dropped, away from directories closed to it.
fn as_account(program: &str, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    without_settings(&mut command);
    if let Some(Account { user, group }) = account {
        command.uid(user).gid(group);
    }
    command
}

/// Whoever works with another PostgreSQL may have PGHOST, PGDATA and the like in the environment; not for us.
fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
}

#[cfg(test)]
mod tests;
