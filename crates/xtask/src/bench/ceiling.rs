//! The yardsticks: the same work without Colloquy around it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::leash::Leash;
use crate::failure::{Context as _, Failure, Result};
use crate::postgres::{Cluster, free_port};
use crate::workspace;

const DATABASE: &str = "yardstick";

/// The three statements of a turn, run by pgbench: what PostgreSQL does with a commit for each.
pub(crate) struct Statements<'a> {
    cluster: &'a Cluster,
}

impl<'a> Statements<'a> {
    pub(crate) fn prepare(cluster: &'a Cluster) -> Result<Self> {
        cluster.sql("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
        let path = workspace::root().join("bench/yardstick_schema.sql");
        let schema = fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
        cluster.sql(DATABASE, &schema)?;
        Ok(Self { cluster })
    }

    /// Turns per second of `clients` connections, each turn on a conversation picked at random.
    pub(crate) fn measure(&self, clients: usize, seconds: f64) -> Result<f64> {
        let script = workspace::root().join("bench/yardstick_turn.sql");
        let output = self
            .cluster
            .client("pgbench")
            .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string()])
            .args(["-T", &format!("{:.0}", seconds.ceil()), "-f"])
            .arg(&script)
            .arg(DATABASE)
            .output()
            .context(|| "cannot run pgbench".into())?;
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = || Failure::new(format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
        if !output.status.success() {
            return Err(failed());
        }
        turns_per_second(&said).ok_or_else(failed)
    }
}

/// From `tps = 3912.123456 (without initial connection time)`.
fn turns_per_second(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok())
}

/// A program of ours that measures one thing without the server and prints its rate: an example of the crate whose
/// dependencies it needs, so that xtask itself needs none of them.
pub(crate) struct Example {
    program: PathBuf,
}

impl Example {
    pub(crate) fn build(package: &str, name: &str, target: &Path) -> Result<Self> {
        let status = workspace::cargo(["build", "--release", "--package", package, "--example", name])
            .status()
            .context(|| "cannot run cargo build".into())?;
        if !status.success() {
            return Err(Failure::new(format!("the example {name} of {package} does not build")));
        }
        Ok(Self { program: target.join("release/examples").join(name) })
    }

    /// The rate it prints for itself.
    pub(crate) fn measure(&self, arguments: &[&str]) -> Result<f64> {
        let output = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context(|| format!("cannot run {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.trim().parse().ok().filter(|_| output.status.success());
        rate.ok_or_else(|| Failure::new(format!("{} printed no rate: {said:?}", self.program.display())))
    }

    /// Runs it as a server, given its port as the only argument.
    pub(crate) fn serve(&self, name: &'static str, directory: &Path) -> Result<(Leash, SocketAddr)> {
        let port = free_port()?;
        let mut command = Command::new(&self.program);
        command.arg(port.to_string());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let leash = Leash::start(name, &command, directory)?;
        leash.wait_ready(address, "/", Duration::from_secs(10))?;
        Ok((leash, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{Durability, Installation};

    #[test]
    fn the_rate_is_read_from_what_pgbench_says() {
        let said = "number of failed transactions: 0 (0.000%)\nlatency average = 16 ms\ntps = 3912.5 (without …)\n";
        assert_eq!(turns_per_second(said), Some(3912.5));
        assert_eq!(turns_per_second("pgbench: error"), None);
    }

    #[test]
    fn the_statements_run_and_leave_finished_turns_behind() {
        let installation =
            Installation::find().expect("no PostgreSQL here; install it with `cargo xtask setup --bench`");
        let cluster = Cluster::start(&installation, &std::env::temp_dir(), Durability::Process).unwrap();
        let statements = Statements::prepare(&cluster).unwrap();
        assert!(statements.measure(4, 1.0).unwrap() > 1.0);
        let counts = "SELECT count(*) > 0, count(*) FILTER (WHERE response IS NULL), count(DISTINCT session_id) > 1 \
                      FROM turns";
        // Each client may have been cut off between its question and its answer; pgbench lets them finish, though.
        assert_eq!(cluster.sql(DATABASE, counts).unwrap(), "t|0|t");
    }
}
