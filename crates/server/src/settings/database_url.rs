use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Which store, as `database.url` names it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub enum DatabaseUrl {
    /// None was named: the SQLite file of the data directory.
    Embedded,
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database. The URL may hold a password.
    Postgres(SecretString),
}

/// The text named no store. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Another database, or no URL.
    #[error("must be sqlite:///path/to/file or postgres://user:password@host/name")]
    Scheme,
    /// SQLite in memory.
    #[error("cannot be SQLite in memory: Colloquy keeps what it acknowledged across a restart; name a file")]
    InMemory,
    /// SQLite with parameters.
    #[error("takes no parameters for SQLite: how the file is opened is not configurable")]
    SqliteParameters,
}

/// Where the store is, everything that was left out being filled in.
#[derive(Clone)]
pub enum StoreLocation {
    /// In this file.
    Sqlite(PathBuf),
    /// At this URL.
    Postgres(SecretString),
}

impl DatabaseUrl {
    /// The file's name in the data directory, where no store was named.
    const EMBEDDED_FILE: &'static str = "colloquy.db";

    /// Where the store is, given the data directory.
    pub fn locate(&self, data_dir: &Path) -> StoreLocation {
        match self {
            Self::Embedded => StoreLocation::Sqlite(data_dir.join(Self::EMBEDDED_FILE)),
            Self::Sqlite(path) => StoreLocation::Sqlite(path.clone()),
            Self::Postgres(url) => StoreLocation::Postgres(url.clone()),
        }
    }
}

/// Without the password.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => f.write_str(&without_password(url.expose_secret())),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = InvalidDatabaseUrl;

    fn try_from(url: String) -> Result<Self, InvalidDatabaseUrl> {
        if url.is_empty() {
            return Ok(Self::Embedded);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(SecretString::from(url)));
        }
        let path = url.strip_prefix("sqlite:").ok_or(InvalidDatabaseUrl::Scheme)?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.contains(":memory:") || path.contains("mode=memory") {
            Err(InvalidDatabaseUrl::InMemory)
        } else if path.contains('?') {
            Err(InvalidDatabaseUrl::SqliteParameters)
        } else if path.is_empty() || path.ends_with('/') {
            Err(InvalidDatabaseUrl::Scheme)
        } else {
            Ok(Self::Sqlite(PathBuf::from(path)))
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("Embedded"),
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// The address without its parameters, and with its password masked.
///
/// Where a stray `?` or `@` makes it unclear what is password and what is not, nothing but the scheme is left.
pub(super) fn without_password(address: &str) -> String {
    const MASK: &str = "********";
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (place, parameters) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    if parameters.contains('@') {
        return format!("{scheme}://{MASK}");
    }
    let ending = if parameters.is_empty() { String::new() } else { format!("?{MASK}") };
    match place.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:{MASK}@{host}{ending}")
        }
        None => format!("{scheme}://{place}{ending}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
        DatabaseUrl::try_from(url.to_owned())
    }

    #[test]
    fn three_slashes_are_an_absolute_path() {
        let place = |url: &str| parse(url).unwrap().locate(Path::new("/data")).to_string();
        assert_eq!(place(""), "/data/colloquy.db");
        assert_eq!(place("sqlite:///srv/a.db"), "/srv/a.db");
        assert_eq!(place("sqlite://a.db"), "a.db");
        assert_eq!(place("sqlite:a.db"), "a.db");
        assert_eq!(place("postgres://h/d"), "postgres://h/d");
        assert_eq!(place("postgresql://u:geheim@h/d"), "postgresql://u:********@h/d");
    }

    #[test]
    fn what_is_no_lasting_store_is_refused() {
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:///a?mode=memory"] {
            assert_eq!(parse(url).unwrap_err(), InvalidDatabaseUrl::InMemory, "{url}");
        }
        assert_eq!(parse("sqlite:///a.db?cache=shared").unwrap_err(), InvalidDatabaseUrl::SqliteParameters);
        for url in ["mysql://h/d", "/srv/a.db", "sqlite:", "sqlite:///", "host=h password=geheim"] {
            assert_eq!(parse(url).unwrap_err(), InvalidDatabaseUrl::Scheme, "{url}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let url = parse("postgres://u:geheim@h/d").unwrap();
        assert!(!format!("{url:?}").contains("geheim"));
    }

    #[test]
    fn a_password_in_an_address_is_masked() {
        for (address, shown) in [
            ("postgres://ada:ge:h@eim@db:5432/chat", "postgres://ada:********@db:5432/chat"),
            ("postgres://db/chat?user=ada&password=geheim", "postgres://db/chat?********"),
            ("postgres://ada:a?geheim@db/chat", "postgres://********"),
            ("postgres://db/chat?password=a@geheim", "postgres://********"),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }
}
