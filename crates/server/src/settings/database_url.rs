use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
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

impl DatabaseUrl {
    /// The file's name in the data directory, where no store was named.
    const EMBEDDED_FILE: &'static str = "colloquy.db";

    /// The SQLite file, if it is one.
    pub fn sqlite_path(&self, data_dir: &Path) -> Option<PathBuf> {
        match self {
            Self::Embedded => Some(data_dir.join(Self::EMBEDDED_FILE)),
            Self::Sqlite(path) => Some(path.clone()),
            Self::Postgres(_) => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
        DatabaseUrl::try_from(url.to_owned())
    }

    #[test]
    fn three_slashes_are_an_absolute_path() {
        let path = |url: &str| parse(url).unwrap().sqlite_path(Path::new("/data"));
        assert_eq!(path(""), Some(PathBuf::from("/data/colloquy.db")));
        assert_eq!(path("sqlite:///srv/a.db"), Some(PathBuf::from("/srv/a.db")));
        assert_eq!(path("sqlite://a.db"), Some(PathBuf::from("a.db")));
        assert_eq!(path("sqlite:a.db"), Some(PathBuf::from("a.db")));
        assert_eq!(path("postgres://u@h/d"), None);
        assert_eq!(path("postgresql://u@h/d"), None);
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
}
