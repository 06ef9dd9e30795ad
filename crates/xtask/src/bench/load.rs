//! The load: one thread and one connection for each client, in a process of its own, so that what is measured shares
//! neither memory nor a scheduler with what measures.
//!
//! Without a rate each client sends as soon as it was answered (closed loop): that finds the highest rate. With one,
//! requests are due at fixed times, and each latency counts from when its request was *due*: a server that stalls is
//! charged for those it kept from being sent (no coordinated omission).

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::http::Connection;
use crate::failure::{Context as _, Failure, Result};
use crate::say;

/// How far behind its schedule a client may be when the measurement ends before it gives up.
const GRACE: Duration = Duration::from_secs(10);

/// How long before the first request all clients are connected and waiting.
const LEAD: Duration = Duration::from_millis(50);

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// The server.
    #[arg(long)]
    address: SocketAddr,
    /// A JSON array of whole requests; each is one client, which sends it over and over.
    #[arg(long)]
    requests: PathBuf,
    /// How long to measure, in seconds.
    #[arg(long)]
    seconds: f64,
    /// How long to load before measuring, in seconds.
    #[arg(long)]
    warmup: f64,
    /// Requests per second of all clients together; without it, as fast as they are answered.
    #[arg(long)]
    rate: Option<f64>,
}

/// What one load measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) clients: usize,
    pub(crate) seconds: f64,
    pub(crate) requests: usize,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// Answers other than 2xx, broken connections, requests that were due and never sent.
    pub(crate) failures: usize,
    /// The first of them, for whoever has to find out why.
    pub(crate) first_failure: Option<String>,
}

impl Measured {
    /// What one client measured that asked again and again, with pauses in which something else was measured.
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let seconds = latencies.iter().sum::<Duration>().as_secs_f64();
        Self {
            clients: 1,
            seconds,
            requests: latencies.len(),
            rate: latencies.len() as f64 / seconds,
            p50_ms: percentile(&latencies, 50),
            p99_ms: percentile(&latencies, 99),
            max_ms: percentile(&latencies, 100),
            failures: 0,
            first_failure: None,
        }
    }
}

/// Parent's side: runs the load in a process of its own and refuses a measurement with failures in it.
pub(crate) fn apply(requests: &Requests, seconds: f64, rate: Option<f64>) -> Result<Measured> {
    let own = std::env::current_exe().context(|| "cannot find xtask's own executable".into())?;
    let mut command = Command::new(own);
    command.args(["load", "--address", &requests.address.to_string(), "--requests"]).arg(&requests.file).args([
        "--seconds",
        &seconds.to_string(),
        "--warmup",
        &(seconds / 4.0).clamp(0.5, 3.0).to_string(),
    ]);
    if let Some(rate) = rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context(|| "cannot start the process that loads".into())?;
    if !output.status.success() {
        return Err(Failure::new("the process that loads failed; it says why above"));
    }
    let measured: Measured =
        serde_json::from_slice(&output.stdout).context(|| "cannot read the load's result".into())?;
    if let Some(first) = &measured.first_failure {
        return Err(Failure::new(format!("{} requests failed, the first: {first}", measured.failures)));
    }
    Ok(measured)
}

/// The requests of a load, one for each client, in a file for its process to read.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    address: SocketAddr,
    file: PathBuf,
}

impl Requests {
    pub(crate) fn new(address: SocketAddr, directory: &Path, name: &str, requests: &[String]) -> Result<Self> {
        let file = directory.join(format!("{name}.requests.json"));
        let json = serde_json::to_vec(requests).context(|| "cannot write requests as JSON".into())?;
        fs::write(&file, json).context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { address, file })
    }
}

/// Child's side.
pub(crate) fn run(options: &Options) -> Result<()> {
    let file = &options.requests;
    let json = fs::read(file).context(|| format!("cannot read {}", file.display()))?;
    let requests: Vec<String> = serde_json::from_slice(&json).context(|| format!("cannot read {}", file.display()))?;
    let span = |seconds: f64, what: &str| {
        Duration::try_from_secs_f64(seconds).map_err(|error| Failure::new(format!("--{what}: {error}")))
    };
    let load = Load {
        address: options.address,
        requests,
        warmup: span(options.warmup, "warmup")?,
        measured: span(options.seconds, "seconds")?,
        rate: options.rate.filter(|rate| *rate > 0.0),
    };
    let measured = load.measure().context(|| format!("cannot load {}", options.address))?;
    say::line(serde_json::to_string(&measured).context(|| "cannot write the result as JSON".into())?);
    Ok(())
}

pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Vec<String>,
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
    pub(crate) rate: Option<f64>,
}

#[derive(Default)]
struct Observed {
    latencies: Vec<Duration>,
    failures: usize,
    first_failure: Option<String>,
}

impl Observed {
    fn fail(&mut self, what: impl FnOnce() -> String) {
        self.failures += 1;
        self.first_failure.get_or_insert_with(what);
    }
}

/// When the measurement runs.
#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    from: Instant,
    until: Instant,
}

impl Load {
    pub(crate) fn measure(&self) -> io::Result<Measured> {
        let connections: Vec<Connection> =
            self.requests.iter().map(|_| Connection::open(self.address)).collect::<io::Result<_>>()?;
        let start = Instant::now() + LEAD;
        let from = start + self.warmup;
        let window = Window { start, from, until: from + self.measured };
        let observed = thread::scope(|scope| {
            let clients: Vec<_> = connections
                .into_iter()
                .enumerate()
                .map(|(client, connection)| {
                    thread::Builder::new()
                        .stack_size(128 * 1024)
                        .spawn_scoped(scope, move || self.client(client, connection, window))
                })
                .collect::<io::Result<_>>()?;
            clients
                .into_iter()
                .map(|client| client.join().map_err(|_| io::Error::other("a client panicked")))
                .collect::<io::Result<Vec<_>>>()
        })?;
        Ok(summary(observed, self.measured))
    }

    #[expect(clippy::cast_precision_loss, reason = "there are a few dozen clients")]
    fn client(&self, client: usize, mut connection: Connection, window: Window) -> Observed {
        let request = self.requests[client].as_bytes();
        let mut observed = Observed::default();
        // Clients with a schedule start one after another, so that their requests are spread evenly.
        let each = self.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        let period = self.rate.map(|rate| Duration::from_secs_f64(self.requests.len() as f64 / rate));
        let mut due = window.start + each.map_or(Duration::ZERO, |each| each.mul_f64(client as f64));
        loop {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let sent = Instant::now();
            if due >= window.until {
                return observed;
            }
            if sent > window.until + GRACE {
                observed.fail(|| "requests were still due 10 s after the end: the rate is too high".into());
                return observed;
            }
            match connection.exchange(request) {
                Ok(response) if response.is_success() => {}
                Ok(response) => {
                    observed.fail(|| format!("{} {}", response.status, String::from_utf8_lossy(&response.body)));
                }
                Err(error) => {
                    observed.fail(|| error.to_string());
                    return observed;
                }
            }
            let answered = Instant::now();
            if let Some(period) = period {
                if due >= window.from {
                    observed.latencies.push(answered - due);
                }
                due += period;
            } else {
                if answered >= window.from && answered < window.until {
                    observed.latencies.push(answered - sent);
                }
                due = answered;
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
fn summary(observed: Vec<Observed>, measured: Duration) -> Measured {
    let clients = observed.len();
    let failures = observed.iter().map(|one| one.failures).sum();
    let first_failure = observed.iter().find_map(|one| one.first_failure.clone());
    let latencies = Measured::of(observed.into_iter().flat_map(|one| one.latencies).collect());
    let seconds = measured.as_secs_f64();
    Measured { clients, seconds, rate: latencies.requests as f64 / seconds, failures, first_failure, ..latencies }
}

/// The smallest latency that `percent` of all are not above, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
