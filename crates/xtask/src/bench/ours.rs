//! Colloquy under measurement: the release binary, an engine that answers at once, and its clients' accounts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::http;
use super::leash::Leash;
use super::load::Requests;
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::free_port;
use crate::workspace;

const READY: &str = "/readyz";
const START_BOUND: Duration = Duration::from_secs(30);

/// As many as hash at once on a common machine, with some waiting: more would only be queued.
const LOGIN_CLIENTS: usize = 8;

pub(crate) const QUESTION: &str = r#"{"question":"What did I ask you a moment ago, and what is next?"}"#;
/// The same where it matters in which conversation it is said, or whether the answer streams.
pub(crate) const QUESTION_TEXT: &str = "What did I ask you a moment ago, and what is next?";

/// How many earlier turns the engine is told.
pub(crate) const CONTEXT_TURNS: usize = 7;

/// The release build, with the settings that every measurement shares.
pub(crate) struct Build {
    program: PathBuf,
    directory: PathBuf,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) started_in: Duration,
    leash: Leash,
}

impl Build {
    pub(crate) fn make(target: &Path, directory: &Path) -> Result<Self> {
        let status = workspace::cargo(["build", "--release", "--package", "server"])
            .status()
            .context(|| "cannot run cargo build".into())?;
        if !status.success() {
            return Err(Failure::new("the server does not build"));
        }
        Ok(Self { program: target.join("release/colloquy"), directory: directory.to_owned() })
    }

    /// Brings the schema of a PostgreSQL database up to date.
    pub(crate) fn migrate(&self, data: &Path, url: &str) -> Result<()> {
        let output = self
            .command(data)
            .arg("migrate")
            .env("DATABASE_URL", url)
            .output()
            .context(|| format!("cannot run {}", self.program.display()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("colloquy migrate failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }

    /// Serves from `url`, or from the embedded store in `data`, and waits until it is ready.
    pub(crate) fn serve(&self, name: &'static str, data: &Path, url: Option<&str>) -> Result<Server> {
        self.serve_with(name, data, url, &[])
    }

    /// The same with settings of its own, as variables of the environment.
    pub(crate) fn serve_with(
        &self,
        name: &'static str,
        data: &Path,
        url: Option<&str>,
        settings: &[(&str, &str)],
    ) -> Result<Server> {
        let port = free_port()?;
        let mut command = self.command(data);
        command.arg("serve").env("PORT", port.to_string()).envs(settings.iter().copied());
        if let Some(url) = url {
            command.env("DATABASE_URL", url);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let leash = Leash::start(name, &command, &self.directory)?;
        let started_in = leash.wait_ready(address, READY, START_BOUND)?;
        Ok(Server { address, started_in, leash })
    }

    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.program);
        // What the shell of whoever measures has set is not to be measured.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COLLOQUY")) {
            command.env_remove(name);
        }
        command
            .current_dir(&self.directory)
            .env_remove("DATABASE_URL")
            .env_remove("RUST_LOG")
            .env("COLLOQUY_PROFILE", "development")
            .env("COLLOQUY_DATA_DIR", data)
            .env("COLLOQUY__ENGINE__KIND", "scripted")
            .env("COLLOQUY__ENGINE__SCRIPTED__FIRST_TOKEN_MS", "0")
            .env("COLLOQUY__ENGINE__SCRIPTED__TOKEN_MS", "0")
            .env("COLLOQUY__ENGINE__SCRIPTED__TOKENS", "12")
            .env("COLLOQUY__CHAT__MAX_CONTEXT_TURNS", CONTEXT_TURNS.to_string())
            // The clients log in once and are measured for longer than a token usually lives.
            .env("COLLOQUY__AUTH__ACCESS_TOKEN_SECONDS", "7200")
            .env("COLLOQUY__RATE_LIMIT__ENABLED", "false")
            .env("COLLOQUY__LOG__FILTER", "warn");
        command
    }
}

impl Server {
    /// Registers and logs in clients, all at once; returns their access tokens.
    pub(crate) fn sign_up(&self, clients: usize) -> Result<Vec<String>> {
        in_parallel(clients, |client| {
            let account = serde_json::json!({
                "username": username(client),
                "email": format!("{}@example.org", username(client)),
                "password": password(client),
            });
            let body = account.to_string();
            http::once(self.address, &http::request("POST", "/api/v1/users", None, Some(("application/json", &body))))?;
            access_token(&http::once(self.address, &login(client))?)
        })
    }

    /// A question in a conversation, or in the current one, answered whole or as a stream.
    pub(crate) fn question(token: &str, conversation: Option<&str>, streams: bool) -> String {
        let mut body = serde_json::json!({ "question": QUESTION_TEXT, "stream": streams });
        if let Some(conversation) = conversation {
            body["conversation_id"] = conversation.into();
        }
        http::request("POST", "/chat", Some(token), Some(("application/json", &body.to_string())))
    }

    pub(crate) fn turns(&self, directory: &Path, name: &str, tokens: &[String]) -> Result<Requests> {
        let ask = |token: &String| http::request("POST", "/chat", Some(token), Some(("application/json", QUESTION)));
        Requests::new(self.address, directory, name, &tokens.iter().map(ask).collect::<Vec<_>>())
    }

    /// The cheapest request that is authenticated.
    pub(crate) fn profiles(&self, directory: &Path, tokens: &[String]) -> Result<Requests> {
        let me = |token: &String| http::request("GET", "/api/v1/me", Some(token), None);
        Requests::new(self.address, directory, "me", &tokens.iter().map(me).collect::<Vec<_>>())
    }

    pub(crate) fn logins(&self, directory: &Path) -> Result<Requests> {
        Requests::new(self.address, directory, "login", &(0..LOGIN_CLIENTS).map(login).collect::<Vec<_>>())
    }

    pub(crate) fn resident_memory(&self) -> Result<u64> {
        self.leash.resident_memory()
    }

    pub(crate) fn peak_memory(&self) -> Result<u64> {
        self.leash.peak_memory()
    }
}

/// Runs a task for each client, a few at a time, and fails with the first that failed.
pub(crate) fn in_parallel<T: Send>(clients: usize, task: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    const AT_ONCE: usize = 8;
    let mut done = Vec::with_capacity(clients);
    for first in (0..clients).step_by(AT_ONCE) {
        let task = &task;
        let some = thread::scope(|scope| {
            let running: Vec<_> =
                (first..clients.min(first + AT_ONCE)).map(|client| scope.spawn(move || task(client))).collect();
            running
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|_| Err(Failure::new("a client panicked"))))
                .collect::<Result<Vec<T>>>()
        })?;
        done.extend(some);
    }
    Ok(done)
}

pub(crate) fn username(client: usize) -> String {
    format!("client{client:02}")
}

pub(crate) fn password(client: usize) -> String {
    format!("quiet-harbour-{client:02}-lantern")
}

/// A login by the `OAuth2` password form.
pub(crate) fn login(client: usize) -> String {
    let form = format!("grant_type=password&username={}&password={}", username(client), password(client));
    http::request("POST", "/token", None, Some(("application/x-www-form-urlencoded", &form)))
}

pub(crate) fn access_token(body: &[u8]) -> Result<String> {
    let answer: serde_json::Value =
        serde_json::from_slice(body).context(|| "the answer of /token is no JSON".into())?;
    let token = answer["access_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| Failure::new("the answer of /token has no access_token"))
}
