//! What the figures were measured on, for whoever compares them.

use std::fmt;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::failure::{Context as _, Result};
use crate::workspace;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_mib: u64,
    system: String,
    kernel: String,
    /// Flushes of one 8 KiB page per second, where the stores are: what a commit costs at the least.
    flushes_per_second: f64,
    rust: String,
    postgres: u32,
    commit: String,
}

impl Machine {
    pub(crate) fn describe(postgres: u32, directory: &Path) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory_kib: Option<u64> =
            field(&read("/proc/meminfo"), "MemTotal").and_then(|value| value.split_whitespace().next()?.parse().ok());
        Ok(Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown CPU".into()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_kib.unwrap_or_default() / 1024,
            system: system_name(&read("/etc/os-release")),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            flushes_per_second: flush_rate(directory)?,
            rust: first_line(Command::new("rustc").arg("--version")),
            postgres,
            commit: first_line(
                Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(workspace::root()),
            ),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {} cores, {} MiB, {}, Linux {}, {:.0} flushes/s; PostgreSQL {}, {}, commit {}",
            self.cpu,
            self.cores,
            self.memory_mib,
            self.system,
            self.kernel,
            self.flushes_per_second,
            self.postgres,
            self.rust,
            self.commit
        )
    }
}

/// The value of the first `name : value` line.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn system_name(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("unknown system").trim_matches('"').to_owned()
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").to_owned()
}

fn flush_rate(directory: &Path) -> Result<f64> {
    const SPAN: Duration = Duration::from_millis(500);
    let path = directory.join("flush");
    let doing = || format!("cannot measure the disk with {}", path.display());
    let mut file = File::create(&path).context(doing)?;
    let mut flushes = 0_u32;
    let started = Instant::now();
    while started.elapsed() < SPAN {
        file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&[0xA5; 8192])).context(doing)?;
        file.sync_data().context(doing)?;
        flushes += 1;
    }
    let rate = f64::from(flushes) / started.elapsed().as_secs_f64();
    fs::remove_file(&path).context(doing)?;
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_described_in_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let machine = Machine::describe(15, directory.path()).unwrap();
        assert!(machine.cores > 0 && machine.memory_mib > 0 && machine.flushes_per_second > 0.0, "{machine:?}");
        assert_eq!(machine.to_string().lines().count(), 1);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        assert_eq!(field("model\t: 7\nmodel name\t: A: B\n", "model name").as_deref(), Some("A: B"));
        assert_eq!(field("", "model name"), None);
    }
}
