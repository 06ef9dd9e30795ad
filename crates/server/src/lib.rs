//! The server: settings, logging, the composition root and the command line.
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`compose`] | the composition root: which adapter stands behind which port |
//! | [`application`] | the running server: built, bound, stopped |
//! | [`settings`] | every key, where it may be said, and what is wrong with it |
//! | [`signing_secret`] | the one secret that the server makes itself |
//! | [`signals`] | being told to stop |
//! | [`telemetry`], [`metrics`] | the log, and what is measured |
//! | [`cli`], [`commands`] | the grammar of the command line, and what its commands do |
//! | [`banner`] | what start-up tells |
//! | [`translate`] | settings, in the words of the adapters |
//! | [`start_error`] | why the server did not start |
//! | [`problem`] | what a person is told when something does not work |

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;

pub mod application;
pub mod banner;
pub mod cli;
pub mod commands;
pub mod compose;
pub mod limits;
pub mod metrics;
mod patience;
pub mod problem;
pub mod settings;
pub mod signals;
pub mod signing_secret;
mod socket;
pub mod start_error;
pub mod telemetry;
pub mod translate;

/// The whole program: reads the command line and does what it says.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let environment = settings::Environment::of_process();
    let mut console = commands::Console {
        somebody_types: io::stdin().is_terminal(),
        input: &mut io::stdin().lock(),
        out: &mut io::stdout(),
        err: &mut io::stderr(),
    };
    commands::run(&cli, &environment, &mut console)
}
