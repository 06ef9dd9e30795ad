//! A PostgreSQL of a test's own, to be killed.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use diesel::prelude::*;
use tempfile::TempDir;

use super::waiting::eventually;

/// A server that keeps what it has acknowledged, as production must. It is killed when this is dropped.
///
/// Its directory is made anew for each, which takes half a second: a template would save little, and nothing would
/// remove it.
pub(crate) struct PostgresServer {
    bin: PathBuf,
    directory: TempDir,
    account: Option<(u32, u32)>,
    port: u16,
    postmaster: Option<Child>,
}

impl PostgresServer {
    /// Makes a server and waits until it takes connections.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("colloquy-postgres-").tempdir_in("/tmp").unwrap();
        let account = account();
        if let Some((user, group)) = account {
            chown(directory.path(), Some(user), Some(group)).unwrap();
        }
        let mut server = Self { bin: binaries(), directory, account, port: free_port(), postmaster: None };
        let mut initdb = server.command("initdb");
        initdb.args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync"]);
        let made = initdb.stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.start_again().await;
        server
    }

    /// Starts it on what it has stored, and waits until it takes connections.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.postmaster.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "fsync=on"];
        let mut postgres = self.command("postgres");
        postgres.args(["-p", &self.port.to_string()]).args(settings.iter().flat_map(|setting| ["-c", setting]));
        postgres.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut postmaster = postgres.spawn().unwrap();
        let url = self.url("postgres");
        eventually("PostgreSQL takes connections", async || {
            assert!(postmaster.try_wait().unwrap().is_none(), "{}", fs::read_to_string(self.log()).unwrap());
            PgConnection::establish(&url).ok()
        })
        .await;
        self.postmaster = Some(postmaster);
    }

    /// `kill -9` of all its processes: it has no time for anything, and nothing of it is left when this returns.
    pub(crate) fn kill(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        let id = postmaster.id().to_string();
        // Backends are in sessions of their own and would go on for a moment; while it is stopped no more are made.
        signal("STOP", std::slice::from_ref(&id));
        let mut all = children(postmaster.id());
        all.push(id);
        signal("KILL", &all);
        postmaster.wait().unwrap();
    }

    /// As the server's superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    /// One of PostgreSQL's programs, for this server's files, run by its account: it refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.arg("-D").arg(self.directory.path().join("data")).current_dir("/");
        command.env_clear().env("PATH", "/usr/bin:/bin");
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whom to run the server as; `None` when we are unprivileged ourselves.
fn account() -> Option<(u32, u32)> {
    let we_are_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    we_are_root.then(|| {
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let ids_of = |name: &str| {
            let mut fields = accounts.lines().find_map(|line| line.strip_prefix(name))?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        let found = ["postgres:", "nobody:"].iter().find_map(|name| ids_of(name));
        found.expect("/etc/passwd has `postgres` or `nobody`, for PostgreSQL refuses to run as root")
    })
}

/// Where the newest server's programs are; Debian keeps them out of PATH.
fn binaries() -> PathBuf {
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = packaged.map(|entry| entry.path().join("bin")).collect();
    versions.sort_by_key(|bin| bin.parent().and_then(Path::file_name)?.to_str()?.parse::<u32>().ok());
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let all = versions.into_iter().rev().chain(std::env::split_paths(&on_path));
    all.into_iter().find(|bin| bin.join("initdb").is_file()).expect("PostgreSQL is installed: `cargo xtask setup`")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The processes that were started by that one.
fn children(of: u32) -> Vec<String> {
    let listed = fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
    let listed = listed.expect("the kernel lists a process's children");
    listed.split_whitespace().map(str::to_owned).collect()
}

/// Sends the signal to the processes; one that has ended meanwhile does not mind.
fn signal(name: &str, processes: &[String]) {
    Command::new("kill").args(["-s", name]).args(processes).stderr(Stdio::null()).status().unwrap();
}
