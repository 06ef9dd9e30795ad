//! `cargo xtask test`: every test, against a PostgreSQL that lives as long as the run.
//!
//! Ctrl-C reaches cargo and this process alike, and the server goes when this process does, whatever ended it (see
//! [`crate::postgres`]). A SIGTERM sent to this process alone ends it and the server, not cargo: the tests that are
//! still running then fail for want of a database, and cargo ends by itself.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::failure::{Context as _, Result};
use crate::postgres::{Cluster, Durability};
use crate::{say, setup, workspace};

/// Where the tests find the server: as its superuser, so that each test can create a database of its own.
const TEST_POSTGRES: &str = "COLLOQUY_TEST_POSTGRES";

pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let installation = setup::ensure_postgres(false)?;
    setup::ensure_curl()?;
    let cluster = Cluster::start(&installation, &std::env::temp_dir(), Durability::Process)?;
    say::step(format_args!(
        "PostgreSQL {} on port {}, in {}",
        installation.major,
        cluster.port(),
        cluster.directory().display()
    ));
    let status = workspace::cargo(["test", "--workspace"])
        .args(arguments)
        .env(TEST_POSTGRES, cluster.url("postgres"))
        .status()
        .context(|| "cannot run cargo test".into())?;
    drop(cluster);
    // A cargo that died of a signal has no code; any failure will do then.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
