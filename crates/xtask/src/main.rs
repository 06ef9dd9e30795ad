//! Colloquy's chores: `cargo xtask setup | test | check | deny | bench`.
//!
//! Everything a newcomer needs besides Rust is installed, started and stopped from here. It is kept light to compile
//! (no HTTP client, no async runtime), because `cargo xtask test` is the first thing anybody runs.

mod bench;
mod check;
mod deny;
mod failure;
mod postgres;
mod say;
mod setup;
mod test;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Colloquy's chores", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need: the binaries of a PostgreSQL server, 14 or later.
    Setup {
        /// Also what the benchmark needs: pgbench and Python's venv.
        #[arg(long)]
        bench: bool,
    },
    /// Run every test of the workspace against a throwaway PostgreSQL; arguments after `--` go to `cargo test`.
    Test {
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Check format, lints and documentation, with warnings denied.
    Check,
    /// Hold the dependencies against deny.toml: licences, bans, sources, and known vulnerabilities.
    Deny,
    /// Measure what a turn costs and print it against the targets.
    Bench(bench::Options),
    /// Load a server over HTTP and print what was measured as JSON (the benchmark runs it as a process of its own).
    #[command(hide = true)]
    Load(bench::load::Options),
    /// Stream chat completions as a model server does (the benchmark runs it as a process of its own).
    #[command(hide = true)]
    Upstream(bench::upstream::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Setup { bench } => setup::run(bench).map(|()| ExitCode::SUCCESS),
        Chore::Test { arguments } => test::run(&arguments),
        Chore::Check => check::run(),
        Chore::Deny => deny::run(),
        Chore::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::Load(options) => bench::load::run(&options).map(|()| ExitCode::SUCCESS),
        Chore::Upstream(options) => bench::upstream::run(&options).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|failure| {
        say::error(&failure);
        ExitCode::FAILURE
    })
}
