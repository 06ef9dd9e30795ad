//! `cargo xtask bench`: what a turn costs, as ratios between things measured alternately on one machine.
//!
//! Everything runs for a bounded time, nothing is left behind but `target/bench`, and it is never part of the tests.

mod ceiling;
mod http;
mod leash;
pub(crate) mod load;
mod machine;
mod ours;
mod peer;
mod picture;
mod report;
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use self::ceiling::{Example, Statements};
use self::load::{Measured, Requests};
use self::machine::Machine;
use self::ours::{Build, Server};
use self::peer::Peer;
use self::report::{Figure, Report, median};
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{Cluster, Durability};
use crate::{say, setup, workspace};

const CLIENTS: usize = 64;
const STARTS: usize = 5;

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// One short round: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// How long each measurement takes, in seconds [default: 10, or 3 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: Option<u16>,
    /// How many rounds the medians are taken of [default: 3, or 1 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: Option<u8>,
    /// The script of the peer to compare with; also `COLLOQUY_BENCH_PEER`.
    #[arg(long)]
    peer: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let installation = setup::ensure_postgres(true)?;
    let target = workspace::target_directory()?;
    let directory = target.join("bench");
    fs::create_dir_all(&directory).context(|| format!("cannot make {}", directory.display()))?;

    let mut bench = Bench {
        build: Build::make(&target, &directory)?,
        target,
        seconds: f64::from(options.seconds.unwrap_or(if options.quick { 3 } else { 10 })),
        rounds: usize::from(options.rounds.unwrap_or(if options.quick { 1 } else { 3 })),
        report: Report {
            machine: Machine::describe(installation.major, &directory)?,
            rounds: 0,
            seconds: 0.0,
            figures: Vec::new(),
            skipped: Vec::new(),
            loads: BTreeMap::new(),
            yardsticks: BTreeMap::new(),
        },
        directory,
    };
    bench.report.rounds = bench.rounds;
    bench.report.seconds = bench.seconds;

    let cluster = Cluster::start(&installation, &bench.directory, Durability::Full)?;
    bench.on_postgres(&cluster, options.peer.as_deref())?;
    drop(cluster);
    bench.on_sqlite()?;
    bench.starts()?;
    bench.write()
}

struct Bench {
    build: Build,
    target: PathBuf,
    directory: PathBuf,
    seconds: f64,
    rounds: usize,
    report: Report,
}

impl Bench {
    /// P1, P2, P3, P9 and P10: everything that has the production store below it.
    fn on_postgres(&mut self, cluster: &Cluster, peer: Option<&Path>) -> Result<()> {
        let statements = Statements::prepare(cluster)?;
        cluster.sql("postgres", "CREATE DATABASE colloquy")?;
        let url = cluster.url("colloquy");
        let data = self.scratch()?;
        self.build.migrate(data.path(), &url)?;
        let server = self.build.serve("colloquy-postgres", data.path(), Some(&url))?;
        say::step(format_args!("signing up {CLIENTS} clients"));
        let tokens = server.sign_up(CLIENTS)?;
        let turns = server.turns(&self.directory, "turns", &tokens)?;
        let peer = self.peer(peer, cluster);

        for round in 1..=self.rounds {
            rest(cluster)?;
            say::step(format_args!("round {round} of {}: pgbench", self.rounds));
            let rate = statements.measure(CLIENTS, self.seconds)?;
            self.report.yardsticks.entry("P1 pgbench").or_default().push(rate);
            rest(cluster)?;
            self.load("P1 colloquy", &turns, None)?;
            if let Some(peer) = &peer {
                rest(cluster)?;
                self.load("P2 peer", &peer.turns, None)?;
            }
        }
        let ours = self.rate_of("P1 colloquy");
        let pgbench = self.yardstick("P1 pgbench");
        let latency = self.latency_of("P1 colloquy");
        self.figure(
            targets::P1.measured(ours / pgbench, format!("{ours:.0} turns/s ({latency}), pgbench {pgbench:.0}")),
        );
        if let Some(peer) = peer {
            let theirs = self.rate_of("P2 peer");
            let latency = self.latency_of("P2 peer");
            let how = format!("{ours:.0} turns/s against {theirs:.0} ({latency}), {}", peer.description);
            self.figure(targets::P2.measured(ours / theirs, how));
        }

        rest(cluster)?;
        self.half_rate(&turns, ours / 2.0)?;
        self.logins(&server)?;
        self.profiles(&server, &tokens)
    }

    /// P2 is the only figure that needs more than this repository; without it the others count all the same.
    fn peer(&mut self, given: Option<&Path>, cluster: &Cluster) -> Option<Peer> {
        let started = peer::find_script(given)
            .ok_or_else(|| Failure::new("no script of the peer: name it with --peer or COLLOQUY_BENCH_PEER"))
            .and_then(|script| Peer::start(&script, cluster, CLIENTS, &self.directory));
        started.map_err(|why| self.skip("P2", &why)).ok()
    }

    /// P3: an open loop at half of the highest rate. Of the rounds the one in the middle counts: one stall decides a
    /// p99.
    fn half_rate(&mut self, turns: &Requests, rate: f64) -> Result<()> {
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            rounds.push(self.load("P3 half rate", turns, Some(rate))?);
        }
        rounds.sort_by(|one, other| (one.p99_ms / one.p50_ms).total_cmp(&(other.p99_ms / other.p50_ms)));
        let Some(Measured { rate, p50_ms, p99_ms, .. }) = rounds.get(rounds.len() / 2) else { return Ok(()) };
        let how = format!("{rate:.0} turns/s: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms");
        self.figure(targets::P3.measured(p99_ms / p50_ms, how));
        Ok(())
    }

    /// P9, against as many threads hashing as there are cores, which is how many the server lets hash.
    fn logins(&mut self, server: &Server) -> Result<()> {
        let argon2 = match Example::build("infra", "argon2_ceiling", &self.target) {
            Ok(example) => example,
            Err(why) => {
                self.skip("P9", &why);
                return Ok(());
            }
        };
        let logins = server.logins(&self.directory)?;
        for _ in 0..self.rounds {
            let rate = argon2.measure(&[&self.seconds.to_string()])?;
            self.report.yardsticks.entry("P9 argon2").or_default().push(rate);
            self.load("P9 colloquy", &logins, None)?;
        }
        let (ours, argon2) = (self.rate_of("P9 colloquy"), self.yardstick("P9 argon2"));
        self.figure(targets::P9.measured(ours / argon2, format!("{ours:.1} logins/s, argon2 alone {argon2:.1}")));
        Ok(())
    }

    fn profiles(&mut self, server: &Server, tokens: &[String]) -> Result<()> {
        let example = match Example::build("api", "empty_route", &self.target) {
            Ok(example) => example,
            Err(why) => {
                self.skip("P10", &why);
                return Ok(());
            }
        };
        let (_empty, address) = example.serve("empty-route", &self.directory)?;
        let get = http::request("GET", "/", None, None);
        let empty = Requests::new(address, &self.directory, "empty", &vec![get; tokens.len()])?;
        let profiles = server.profiles(&self.directory, tokens)?;
        for _ in 0..self.rounds {
            self.load("P10 empty route", &empty, None)?;
            self.load("P10 colloquy", &profiles, None)?;
        }
        let (ours, empty) = (self.rate_of("P10 colloquy"), self.rate_of("P10 empty route"));
        self.figure(targets::P10.measured(ours / empty, format!("{ours:.0} requests/s, an empty route {empty:.0}")));
        Ok(())
    }

    /// P1s: the embedded store.
    fn on_sqlite(&mut self) -> Result<()> {
        let statements = Example::build("infra", "sqlite_ceiling", &self.target)?;
        let data = self.scratch()?;
        let server = self.build.serve("colloquy-sqlite", data.path(), None)?;
        let tokens = server.sign_up(CLIENTS)?;
        let turns = server.turns(&self.directory, "turns-sqlite", &tokens)?;
        let file = data.path().join("yardstick.db");
        for round in 1..=self.rounds {
            say::step(format_args!("round {round} of {}: the statements on SQLite", self.rounds));
            let rate = statements.measure(&[&file.to_string_lossy(), &self.seconds.to_string()])?;
            self.report.yardsticks.entry("P1s sqlite").or_default().push(rate);
            self.load("P1s colloquy", &turns, None)?;
        }
        let (ours, sqlite) = (self.rate_of("P1s colloquy"), self.yardstick("P1s sqlite"));
        let latency = self.latency_of("P1s colloquy");
        let how = format!("{ours:.0} turns/s ({latency}), one commit each {sqlite:.0}");
        self.figure(targets::P1S.measured(ours / sqlite, how));
        Ok(())
    }

    /// P8: how soon the embedded store's server is ready, and what it takes when nobody asks it anything.
    fn starts(&mut self) -> Result<()> {
        say::step("starting on the embedded store, again and again");
        let data = self.scratch()?;
        let first = self.build.serve("colloquy-start", data.path(), None)?.started_in.as_secs_f64();
        let (mut seconds, mut mebibytes) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let server = self.build.serve("colloquy-start", data.path(), None)?;
            // Idle means that what start-up set going has come to rest.
            thread::sleep(Duration::from_secs(1));
            seconds.push(server.started_in.as_secs_f64());
            mebibytes.push(bytes_to_mebibytes(server.resident_memory()?));
        }
        let how = format!("median of {STARTS} starts; the first, with all migrations: {first:.3} s");
        self.figure(targets::P8_START.measured(median(seconds), how));
        self.figure(targets::P8_MEMORY.measured(median(mebibytes), "resident, 1 s after it was ready".into()));
        Ok(())
    }

    fn load(&mut self, name: &'static str, requests: &Requests, rate: Option<f64>) -> Result<Measured> {
        let measured =
            load::apply(requests, self.seconds, rate).map_err(|why| Failure::new(format!("{name}: {why}")))?;
        say::step(format_args!(
            "{name}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms",
            measured.rate, measured.p50_ms, measured.p99_ms
        ));
        self.report.loads.entry(name).or_default().push(measured.clone());
        Ok(measured)
    }

    fn rate_of(&self, name: &str) -> f64 {
        median(self.loads(name).iter().map(|load| load.rate).collect())
    }

    fn latency_of(&self, name: &str) -> String {
        let middle = |which: fn(&Measured) -> f64| median(self.loads(name).iter().map(which).collect());
        format!("p50 {:.1} ms, p99 {:.1} ms", middle(|load| load.p50_ms), middle(|load| load.p99_ms))
    }

    fn loads(&self, name: &str) -> &[Measured] {
        self.report.loads.get(name).map_or(&[], Vec::as_slice)
    }

    fn yardstick(&self, name: &str) -> f64 {
        median(self.report.yardsticks.get(name).cloned().unwrap_or_default())
    }

    fn figure(&mut self, figure: Figure) {
        self.report.figures.push(figure);
    }

    fn skip(&mut self, id: &str, why: &Failure) {
        let skipped = format!("{id}: {why}");
        say::error(format_args!("SKIPPED {skipped}"));
        self.report.skipped.push(skipped);
    }

    /// A data directory on the same disk as PostgreSQL's, gone after use.
    fn scratch(&self) -> Result<tempfile::TempDir> {
        let place = tempfile::Builder::new().prefix("data-").tempdir_in(&self.directory);
        place.context(|| format!("cannot make a directory in {}", self.directory.display()))
    }

    fn write(&self) -> Result<()> {
        let json = self.directory.join("report.json");
        let text = serde_json::to_string_pretty(&self.report).context(|| "cannot write the report as JSON".into())?;
        fs::write(&json, text).context(|| format!("cannot write {}", json.display()))?;
        let svg = self.directory.join("report.svg");
        picture::draw(&self.report, &svg)?;
        say::line(self.report.table());
        say::line(format_args!("written: {} and {}", json.display(), svg.display()));
        Ok(())
    }
}

/// What one measurement left to be written must not be paid for by the next.
fn rest(cluster: &Cluster) -> Result<()> {
    cluster.sql("postgres", "CHECKPOINT").map(drop)
}

#[expect(clippy::cast_precision_loss, reason = "no process takes 2^52 bytes")]
fn bytes_to_mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
