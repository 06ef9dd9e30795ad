//! Colloquy, installed somewhere: a store, a data directory and settings, and the servers that use them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::client::{Client, PASSWORD};
use super::database::{Backend, Database};
use super::postgres::PostgresServer;
use super::process::{Ended, Process, binary_started_by};
use super::upstream::{MODEL, Upstream};

/// What outlives a server. A clone is the same store and the same data directory, perhaps with other settings.
#[derive(Clone)]
pub(crate) struct Installation {
    database: Arc<Database>,
    data_dir: Arc<TempDir>,
    variables: BTreeMap<String, String>,
    /// The command that the server is the argument of, if there is one.
    wrapper: Vec<String>,
}

/// A server that listens. It is killed when this is dropped.
pub(crate) struct Server {
    process: Process,
    address: String,
    // The store must outlive it; what a test keeps no name for would be gone otherwise.
    _installation: Installation,
}

impl Installation {
    /// One that is ready to be used.
    pub(crate) fn new(backend: Backend) -> Self {
        Self::over(Database::migrated(backend))
    }

    /// One on a PostgreSQL of the test's own.
    pub(crate) fn on(server: &PostgresServer) -> Self {
        Self::over(Database::on(server))
    }

    /// One over that database.
    pub(crate) fn over(database: Database) -> Self {
        let variables = [("COLLOQUY_PROFILE", "test"), ("PORT", "0"), ("DATABASE_URL", database.url())];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            variables: variables.into(),
            database: Arc::new(database),
            data_dir: Arc::new(tempfile::tempdir().unwrap()),
            wrapper: Vec::new(),
        }
    }

    /// The same, whose servers are started by that command.
    pub(crate) fn started_by(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The same, where questions are answered by an OpenAI-compatible server.
    pub(crate) fn answered_by(self, upstream: &Upstream) -> Self {
        self.answered_at(upstream.address())
    }

    /// The same, where such a server is found at that address.
    pub(crate) fn answered_at(self, address: SocketAddr) -> Self {
        self.set("engine.kind", "openai")
            .set("engine.openai.base_url", format!("http://{address}/v1"))
            .set("engine.openai.model", MODEL)
    }

    /// The same, where questions are answered with so many tokens, so far apart.
    pub(crate) fn answering(self, tokens: usize, gap_ms: u64) -> Self {
        self.set("engine.kind", "scripted")
            .set("engine.scripted.tokens", tokens)
            .set("engine.scripted.token_ms", gap_ms)
    }

    /// The same, where what is left of a dead server is noticed as soon as the settings allow. Not for tests with
    /// several servers: one that a busy machine stalls for so long would pass for dead.
    pub(crate) fn noticing_deaths_soon(self) -> Self {
        self.set("replica.lease_ms", 2000).set("replica.tick_ms", 100)
    }

    /// The same, with another value for the key.
    pub(crate) fn set(self, key: &str, value: impl Display) -> Self {
        let name = format!("COLLOQUY__{}", key.to_uppercase().replace('.', "__"));
        self.variable(&name, value)
    }

    /// The same, with another value for the environment variable.
    pub(crate) fn variable(mut self, name: &str, value: impl Display) -> Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    /// The same, over the store of another.
    pub(crate) fn over_the_store_of(mut self, other: &Self) -> Self {
        self.database = other.database.clone();
        self.variable("DATABASE_URL", other.database.url())
    }

    /// The store.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Starts a server and waits until it listens.
    pub(crate) async fn start(&self) -> Server {
        self.start_with(&["serve"]).await
    }

    /// The same with other arguments.
    pub(crate) async fn start_with(&self, arguments: &[&str]) -> Server {
        let mut process = Process::spawn(&mut self.command(arguments), "");
        let expected = format!("Colloquy {} listens on ", env!("CARGO_PKG_VERSION"));
        let line = process.next_line().await.expect("the server listens");
        let address = line.strip_prefix(&expected).expect("the address is on the first line").to_owned();
        Server { process, address, _installation: self.clone() }
    }

    /// Makes an administrator of that name, with the password of all.
    pub(crate) async fn make_admin(&self, name: &str) {
        let email = format!("{name}@example.org");
        let make = ["user", "create", name, "--email", &email, "--admin", "--password-stdin"];
        self.run_with(&make, PASSWORD).await.printed();
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "").await
    }

    /// Runs a command that reads `input` to its end.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        Process::spawn(&mut self.command(arguments), input).ended().await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary_started_by(&self.wrapper);
        command
            .args(arguments)
            .envs(&self.variables)
            .env("COLLOQUY_DATA_DIR", self.data_dir())
            .current_dir(self.data_dir());
        command
    }
}

impl Server {
    /// `http://` and where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it told after its first line, up to the line that ends so.
    pub(crate) async fn rest_of_banner(&mut self, end: &str) -> String {
        let mut banner = String::new();
        while !banner.trim_end().ends_with(end) {
            banner += &self.process.next_line().await.expect("the banner has that line");
            banner.push('\n');
        }
        banner
    }

    /// Somebody who talks to it.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// `kill -9`: it has no time for anything, and is gone when this returns.
    pub(crate) async fn kill(self) -> Ended {
        self.process.signal("KILL");
        let ended = self.process.ended().await;
        assert_eq!(ended.code, None, "a signal ends it");
        ended
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop, as `docker stop` and systemd do.
    pub(crate) fn terminate(&self) {
        self.process.signal("TERM");
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) -> Ended {
        self.process.ended().await
    }
}
