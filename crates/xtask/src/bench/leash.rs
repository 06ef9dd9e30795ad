//! A server under measurement: gone with the handle, or with us, whatever ends us.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::http::{self, Connection};
use crate::failure::{Context as _, Failure, Result};

/// Runs a command for as long as standard input stays open; then its whole process group gets SIGTERM, and SIGKILL if
/// that was not enough within ten seconds.
const LEASH: &str = r#"
"$@" </dev/null >&2 &
child=$!
trap '' TERM
echo "$child"
read -r _ || :
kill -TERM 0
for _ in $(seq 100); do kill -0 "$child" 2>/dev/null || exit 0; sleep 0.1; done
kill -KILL 0
"#;

#[derive(Debug)]
pub(crate) struct Leash {
    name: &'static str,
    shell: Child,
    end: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
    spawned: Instant,
}

impl Leash {
    /// Starts a program; what it prints goes to a log in `directory`. Only its arguments, environment and directory count.
    pub(crate) fn start(name: &'static str, program: &Command, directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new("sh");
        command.args(["-c", LEASH, "leash"]).arg(program.get_program()).args(program.get_args());
        for (key, value) in program.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(directory) = program.get_current_dir() {
            command.current_dir(directory);
        }
        let spawned = Instant::now();
        let mut shell = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .context(|| format!("cannot start {name}"))?;
        let end = shell.stdin.take();
        let mut said = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut said).context(|| format!("cannot start {name}"))?;
        }
        let pid = said.trim().parse().map_err(|_| Failure::new(format!("cannot start {name}: no pid in {said:?}")))?;
        Ok(Self { name, shell, end, pid, log, spawned })
    }

    /// Waits until a GET of `path` succeeds and returns how long that took from the start.
    pub(crate) fn wait_ready(&self, address: SocketAddr, path: &str, bound: Duration) -> Result<Duration> {
        let request = http::request("GET", path, None, None);
        loop {
            let answered = Connection::open(address).and_then(|mut open| open.exchange(request.as_bytes()));
            if answered.is_ok_and(|response| response.is_success()) {
                return Ok(self.spawned.elapsed());
            }
            if !self.is_running() || self.spawned.elapsed() > bound {
                return Err(self.obituary(path));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident_memory(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that was ever resident, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, which: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid);
        let status = fs::read_to_string(&path).context(|| format!("cannot read {path}"))?;
        let kibibytes = status.lines().find_map(|line| line.strip_prefix(which)?.trim().strip_suffix(" kB"));
        let resident = kibibytes.and_then(|value| value.parse::<u64>().ok());
        resident.map(|value| value * 1024).ok_or_else(|| Failure::new(format!("{path} has no {which}")))
    }

    /// One that has ended is a zombie until the shell ends too.
    fn is_running(&self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
    }

    fn obituary(&self, path: &str) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(20)..].join("\n");
        Failure::new(format!("{} never answered GET {path}. The end of {}:\n{last}", self.name, self.log.display()))
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.end.take());
        // The script bounds itself; that it killed its own group in the end is no news to anybody.
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_leash_ends_with_it_and_tells_its_memory() {
        let directory = tempfile::tempdir().unwrap();
        let second = directory.path().join("second");
        // Two processes, as a server with workers is.
        let mut sleeper = Command::new("sh");
        sleeper.args(["-c", "sleep 60 & echo $! > \"$1\"; exec sleep 60", "sh"]).arg(&second);
        let leash = Leash::start("sleeper", &sleeper, directory.path()).unwrap();
        let started = Instant::now();
        let second = loop {
            match fs::read_to_string(&second) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => assert!(started.elapsed() < Duration::from_secs(10), "the second process never started"),
            }
            thread::yield_now();
        };
        let first = leash.pid.to_string();
        assert!(leash.is_running());
        assert!(leash.resident_memory().unwrap() > 0);
        assert!(leash.peak_memory().unwrap() >= leash.resident_memory().unwrap());

        drop(leash);

        assert!(started.elapsed() < Duration::from_secs(15));
        // The second one's parent is gone, so that it may be left as a zombie where nobody collects orphans.
        let ended =
            |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "));
        assert!(ended(&first) && ended(&second));
    }

    #[test]
    fn a_server_that_dies_is_reported_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let mut dying = Command::new("sh");
        dying.args(["-c", "echo \"no $THING\" >&2; exit 3"]).env("THING", "luck");
        let leash = Leash::start("dying", &dying, directory.path()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], crate::postgres::free_port().unwrap()));
        let failure = leash.wait_ready(address, "/readyz", Duration::from_secs(30)).unwrap_err();
        assert!(failure.to_string().contains("no luck"), "{failure}");
    }
}
