//! `cargo xtask bench`: what a turn costs, as ratios between things measured alternately on one machine.
//!
//! Everything runs for a bounded time, nothing is left behind but `target/bench`, and it is never part of the tests.

mod ceiling;
mod events;
mod first_token;
mod http;
mod leash;
pub(crate) mod load;
mod login_flood;
mod long_conversation;
mod machine;
mod ours;
mod pairs;
mod peer;
mod picture;
mod rates;
mod report;
mod streams;
mod targets;
pub(crate) mod upstream;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use self::load::{Measured, Requests};
use self::machine::Machine;
use self::ours::Build;
use self::report::{Figure, Report, median};
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{Cluster, Durability};
use crate::{say, setup, workspace};

const CLIENTS: usize = 64;
const STARTS: usize = 5;

const FIGURES: [&str; 11] = ["P1", "P1s", "P2", "P3", "P4", "P5", "P6", "P8", "P9", "P10", "S5"];

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
    /// Measure these figures only, separated by commas; P2 and P3 measure P1 on their way.
    #[arg(long, value_delimiter = ',', value_parser = FIGURES)]
    only: Vec<String>,
    /// How many streams P5 opens [default: 2000, or 200 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    streams: Option<u16>,
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
        only: options.only.clone(),
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

    if bench.wants(&["P1", "P2", "P3", "P4", "P5", "P6", "P9", "P10"]) {
        let cluster = Cluster::start(&installation, &bench.directory, Durability::Full)?;
        if bench.wants(&["P1", "P2", "P3", "P9", "P10"]) {
            bench.on_postgres(&cluster, options.peer.as_deref())?;
        }
        let streams = usize::from(options.streams.unwrap_or(if options.quick { 200 } else { 2000 }));
        bench.or_skip("P4", |bench| bench.first_token(&cluster));
        bench.or_skip("P5", |bench| bench.streams(&cluster, streams));
        bench.or_skip("P6", |bench| bench.long_conversation(&cluster));
    }
    if bench.wants(&["P1s"]) {
        bench.on_sqlite()?;
    }
    if bench.wants(&["P8"]) {
        bench.starts()?;
    }
    bench.or_skip("S5", Bench::login_flood);
    bench.write()
}

struct Bench {
    build: Build,
    target: PathBuf,
    directory: PathBuf,
    seconds: f64,
    rounds: usize,
    /// The figures to measure; all, if there are none.
    only: Vec<String>,
    report: Report,
}

impl Bench {
    /// Whether any of these figures is to be measured.
    fn wants(&self, figures: &[&str]) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| figures.contains(&wanted.as_str()))
    }

    /// Measures a figure that has a server of its own: if it cannot be had, the others count all the same.
    fn or_skip(&mut self, id: &str, measure: impl FnOnce(&mut Self) -> Result<()>) {
        if self.wants(&[id])
            && let Err(why) = measure(self)
        {
            self.skip(id, &why);
        }
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

    /// A database with Colloquy's schema and nothing in it; returns its URL.
    fn database(&self, cluster: &Cluster, name: &str) -> Result<String> {
        cluster.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        let url = cluster.url(name);
        self.build.migrate(self.scratch()?.path(), &url)?;
        Ok(url)
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
