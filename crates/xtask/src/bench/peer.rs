//! The peer: the classic `FastAPI` design, run from a script given by its path.

use std::env;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::leash::Leash;
use super::load::{self, Requests};
use super::{http, ours};
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{Cluster, free_port};
use crate::{say, workspace};

/// Names the peer's script when `--peer` does not.
const PEER: &str = "COLLOQUY_BENCH_PEER";
const DATABASE: &str = "peer";
const PACKAGES: &[&str] = &[
    "fastapi",
    "uvicorn[standard]",
    "sqlalchemy[asyncio]",
    "psycopg2-binary",
    "asyncpg",
    "pyjwt",
    "bcrypt",
    "orjson",
    "python-multipart",
    "pydantic",
];
const IMPORTS: &str = "import fastapi, uvicorn, uvloop, sqlalchemy, greenlet, psycopg2, asyncpg, jwt, bcrypt, orjson, \
                       python_multipart, pydantic";
const PROBE_SECONDS: f64 = 3.0;

/// How the script talks to its database: both are tried, the faster one is measured.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Sync,
    Async,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sync => "sync",
            Self::Async => "async",
        })
    }
}

/// A peer that is serving, and its clients' requests.
pub(crate) struct Peer {
    pub(crate) turns: Requests,
    pub(crate) description: String,
    _server: Leash,
}

/// The script: from the command line, the environment, or beside the checkout.
pub(crate) fn find_script(given: Option<&Path>) -> Option<PathBuf> {
    let named = given.map(Path::to_owned).or_else(|| env::var_os(PEER).map(PathBuf::from));
    named.or_else(|| {
        let beside = workspace::root().parent()?.join("shared/bench/peer_fastapi.py");
        beside.is_file().then_some(beside)
    })
}

impl Peer {
    pub(crate) fn start(script: &Path, cluster: &Cluster, clients: usize, directory: &Path) -> Result<Self> {
        let script = script.canonicalize().context(|| format!("cannot read the peer's script {}", script.display()))?;
        let python = Python::prepare(directory)?;
        cluster.sql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        let peer = Script { python, path: script, url: cluster.url(DATABASE).replacen("postgres:", "postgresql:", 1) };
        peer.create_tables()?;

        let (server, address) = peer.serve(Mode::Sync, directory)?;
        say::step("signing up the peer's clients");
        let tokens = sign_up(address, clients)?;
        let sync = load::apply(&turns(address, directory, &tokens)?, PROBE_SECONDS, None)?.rate;
        drop(server);
        let (server, address) = peer.serve(Mode::Async, directory)?;
        let requests = turns(address, directory, &tokens)?;
        let not_sync = load::apply(&requests, PROBE_SECONDS, None)?.rate;
        let description = |mode| format!("FastAPI, 2 workers, {mode} (tried: sync {sync:.0}/s, async {not_sync:.0}/s)");
        if not_sync >= sync {
            return Ok(Self { turns: requests, description: description(Mode::Async), _server: server });
        }
        drop(server);
        let (server, address) = peer.serve(Mode::Sync, directory)?;
        let requests = turns(address, directory, &tokens)?;
        Ok(Self { turns: requests, description: description(Mode::Sync), _server: server })
    }
}

struct Script {
    python: Python,
    path: PathBuf,
    url: String,
}

impl Script {
    fn serve(&self, mode: Mode, directory: &Path) -> Result<(Leash, SocketAddr)> {
        let port = free_port()?;
        let mut command = self.command(mode);
        command
            .args(["-m", "uvicorn", &format!("{}:app", self.module()), "--workers", "2"])
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--log-level", "warning", "--no-access-log"]);
        let leash = Leash::start("peer", &command, directory)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        leash.wait_ready(address, "/openapi.json", Duration::from_secs(60))?;
        Ok((leash, address))
    }

    /// Once, before there are two workers that would both try.
    fn create_tables(&self) -> Result<()> {
        let output = self.command(Mode::Sync).args(["-c", &format!("import {}", self.module())]).output();
        succeeded("the peer's script", &output.context(|| "cannot run python".into())?)
    }

    fn command(&self, mode: Mode) -> Command {
        let mut command = Command::new(&self.python.program);
        command
            .current_dir(self.path.parent().unwrap_or(Path::new("/")))
            .env("PYTHONPATH", self.path.parent().unwrap_or(Path::new("/")))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // It is measured at its best: not while it warns about what it imports.
            .env("PYTHONWARNINGS", "ignore")
            .env("PEER_DB", &self.url)
            .env("PEER_MODE", mode.to_string())
            .stdin(Stdio::null());
        command
    }

    fn module(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A virtual environment of our own with what the script imports.
struct Python {
    program: PathBuf,
}

impl Python {
    fn prepare(directory: &Path) -> Result<Self> {
        let environment = directory.join("venv");
        let python = Self { program: environment.join("bin/python") };
        if python.has_packages() {
            return Ok(python);
        }
        say::step("installing the peer's packages from PyPI");
        let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).stdin(Stdio::null()).output();
        let made = made.context(|| "cannot run python3; install it with `cargo xtask setup --bench`".into())?;
        succeeded("python3 -m venv (install it with `cargo xtask setup --bench`)", &made)?;
        let installed = Command::new("timeout")
            .args(["600".as_ref(), python.program.as_os_str()])
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES)
            .stdin(Stdio::null())
            .output();
        succeeded("pip install, which needs PyPI,", &installed.context(|| "cannot run pip".into())?)?;
        if python.has_packages() { Ok(python) } else { Err(Failure::new("pip installed packages that do not import")) }
    }

    fn has_packages(&self) -> bool {
        let tried =
            Command::new(&self.program).args(["-c", IMPORTS]).stdin(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    }
}

fn succeeded(what: &str, output: &Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn sign_up(address: SocketAddr, clients: usize) -> Result<Vec<String>> {
    ours::in_parallel(clients, |client| {
        let account = serde_json::json!({ "username": ours::username(client), "password": ours::password(client) });
        let body = account.to_string();
        http::once(address, &http::request("POST", "/register", None, Some(("application/json", &body))))?;
        ours::access_token(&http::once(address, &ours::login(client))?)
    })
}

fn turns(address: SocketAddr, directory: &Path, tokens: &[String]) -> Result<Requests> {
    let ask = |token: &String| http::request("POST", "/chat", Some(token), Some(("application/json", ours::QUESTION)));
    Requests::new(address, directory, "peer", &tokens.iter().map(ask).collect::<Vec<_>>())
}
