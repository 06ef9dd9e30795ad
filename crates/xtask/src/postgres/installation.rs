//! The PostgreSQL binaries of this machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the design promises to run on.
pub(crate) const OLDEST_MAJOR: u32 = 14;

/// A directory that has a server's binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

impl Installation {
    /// The newest one. Debian keeps them out of PATH, and of two alike the one of the distribution is taken.
    pub(crate) fn find() -> Option<Self> {
        let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
        let packaged = ["/usr/lib/postgresql", "/usr/libexec/postgresql", "/usr"].into_iter().flat_map(bins_below);
        on_path.into_iter().chain(packaged).filter_map(Self::at).max_by_key(|found| found.major)
    }

    pub(crate) fn has(&self, program: &str) -> bool {
        self.bin.join(program).is_file()
    }

    fn at(bin: PathBuf) -> Option<Self> {
        if !["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).is_file()) {
            return None;
        }
        let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        (major >= OLDEST_MAJOR).then_some(Self { bin, major })
    }
}

/// `BASE/VERSION/bin` (Debian, Alpine), and `/usr/pgsql-VERSION/bin` (PostgreSQL's own packages for Red Hat).
fn bins_below(base: &str) -> Vec<PathBuf> {
    let versions = fs::read_dir(Path::new(base)).into_iter().flatten().flatten();
    versions
        .filter(|entry| base != "/usr" || entry.file_name().to_string_lossy().starts_with("pgsql-"))
        .map(|entry| entry.path().join("bin"))
        .collect()
}

/// The 15 of `postgres (PostgreSQL) 15.9 (Debian 15.9-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let number = version.split(") ").nth(1)?;
    let digits = number.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_way_to_write_it() {
        assert_eq!(major("postgres (PostgreSQL) 15.9 (Debian 15.9-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 14\n"), Some(14));
        assert_eq!(major("something else"), None);
    }
}
