//! Databases to test against: a file for SQLite, a database of its own in a throwaway PostgreSQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use infra::postgres::PostgresSettings;
use infra::sqlite::SqliteSettings;
use infra::store::StoreSettings;
use tempfile::TempDir;
use uuid::Uuid;

use super::postgres::PostgresServer;

/// Where `cargo xtask test` says that its PostgreSQL is.
const POSTGRES: &str = "COLLOQUY_TEST_POSTGRES";

/// The two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Postgres,
    Sqlite,
}

/// An empty database that is gone when this is dropped.
pub(crate) struct Database {
    url: String,
    settings: StoreSettings,
    _home: Home,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

enum Home {
    File(#[expect(dead_code, reason = "it is kept for its drop")] TempDir),
    Server {
        name: String,
    },
    /// Whatever somebody else made and removes.
    Elsewhere,
}

impl Database {
    /// A database without any schema.
    pub(crate) fn empty(backend: Backend) -> Self {
        match backend {
            Backend::Postgres => Self::postgres(None),
            Backend::Sqlite => Self::sqlite(),
        }
    }

    /// A database with the current schema.
    pub(crate) fn migrated(backend: Backend) -> Self {
        match backend {
            Backend::Postgres => Self::postgres(Some(template())),
            Backend::Sqlite => {
                let database = Self::sqlite();
                infra::store::migrate(&database.settings).unwrap();
                database
            }
        }
    }

    /// One in a server of the test's own, with the current schema.
    pub(crate) fn on(server: &PostgresServer) -> Self {
        let url = server.url("postgres");
        let settings = postgres_settings(&url);
        infra::store::migrate(&settings).unwrap();
        Self { settings, url, _home: Home::Elsewhere }
    }

    /// A file in a directory of the test's own, which a server will make.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let path = directory.join("colloquy.db");
        let url = format!("sqlite://{}", path.display());
        Self { url, settings: sqlite_settings(path), _home: Home::Elsewhere }
    }

    /// As `DATABASE_URL` has it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The only column of the result, called `value`, of each row: as text, so that one query does for both stores.
    pub(crate) fn texts(&self, query: &str) -> Vec<Option<String>> {
        let rows: Vec<TextRow> = match &self.settings {
            StoreSettings::Postgres(_) => {
                diesel::sql_query(query).load(&mut PgConnection::establish(&self.url).unwrap()).unwrap()
            }
            StoreSettings::Sqlite(settings) => {
                let path = settings.path.to_str().unwrap();
                diesel::sql_query(query).load(&mut SqliteConnection::establish(path).unwrap()).unwrap()
            }
        };
        rows.into_iter().map(|row| row.value).collect()
    }

    /// Does what the statement says.
    pub(crate) fn execute(&self, statement: &str) {
        self.try_execute(statement).unwrap();
    }

    /// Does what the statement says, or tells why the store would not.
    pub(crate) fn try_execute(&self, statement: &str) -> Result<(), String> {
        let statement = diesel::sql_query(statement);
        let done = match &self.settings {
            StoreSettings::Postgres(_) => statement.execute(&mut PgConnection::establish(&self.url).unwrap()),
            StoreSettings::Sqlite(settings) => {
                let path = settings.path.to_str().unwrap();
                let mut connection = SqliteConnection::establish(path).unwrap();
                diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
                statement.execute(&mut connection)
            }
        };
        done.map(drop).map_err(|error| error.to_string())
    }

    /// Moves the time in that column of every session so many seconds into the past.
    pub(crate) fn age_sessions(&self, column: &str, seconds: u64) {
        self.execute(&match &self.settings {
            StoreSettings::Postgres(_) => {
                format!("UPDATE sessions SET {column} = {column} - interval '{seconds} seconds'")
            }
            StoreSettings::Sqlite(_) => format!("UPDATE sessions SET {column} = {column} - {seconds} * 1000000"),
        });
    }

    /// Adds so many answered turns to a conversation that has one; each has so many characters of answer.
    pub(crate) fn add_turns(&self, conversation: Uuid, count: usize, length: usize) {
        let last = count + 1;
        let columns = "id, conversation_id, user_id, seq, status, request_question, response, question_tokens, \
                       entry_time, completed_at, expiry_timestamp";
        let (numbers, id, answer) = match &self.settings {
            StoreSettings::Postgres(_) => (
                format!("SELECT n FROM generate_series(2, {last}) AS n"),
                "CAST('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid)",
                format!("repeat('a', {length})"),
            ),
            StoreSettings::Sqlite(_) => (
                format!("SELECT 2 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}"),
                "'00000000-0000-7000-8000-' || printf('%012x', n)",
                format!("replace(hex(zeroblob({length} / 2)), '0', 'a')"),
            ),
        };
        self.execute(&format!(
            "WITH RECURSIVE numbers (n) AS ({numbers}) INSERT INTO turns ({columns}) \
             SELECT {id}, conversation_id, user_id, n, 'completed', 'question ' || n, {answer}, 1, entry_time, \
             completed_at, expiry_timestamp FROM turns, numbers WHERE conversation_id = '{conversation}' AND seq = 1"
        ));
        self.execute(&format!("UPDATE conversations SET last_seq = {last} WHERE id = '{conversation}'"));
    }

    /// Moves the time in that column of every row of the table so many days into the past.
    pub(crate) fn age(&self, table: &str, column: &str, days: u32) {
        self.execute(&match &self.settings {
            StoreSettings::Postgres(_) => format!("UPDATE {table} SET {column} = {column} - interval '{days} days'"),
            StoreSettings::Sqlite(_) => format!("UPDATE {table} SET {column} = {column} - {days} * 86400000000"),
        });
    }

    /// Every row of every table, as text.
    pub(crate) fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let all = |query: &str| self.texts(query).into_iter().flatten().collect::<Vec<String>>();
        let read = |table: String| {
            let query = match &self.settings {
                StoreSettings::Postgres(_) => format!("SELECT CAST(t AS text) AS value FROM {table} t"),
                StoreSettings::Sqlite(_) => {
                    let columns = all(&format!("SELECT name AS value FROM pragma_table_info('{table}')"));
                    let columns = columns.iter().map(|column| {
                        format!("CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE coalesce({column}, '') END")
                    });
                    format!("SELECT {} AS value FROM {table}", columns.collect::<Vec<_>>().join(" || ',' || "))
                }
            };
            let rows = all(&query);
            (table, rows)
        };
        let tables = match &self.settings {
            StoreSettings::Postgres(_) => {
                "SELECT CAST(tablename AS text) AS value FROM pg_tables WHERE schemaname = 'public'"
            }
            StoreSettings::Sqlite(_) => {
                "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
        };
        all(tables).into_iter().map(read).collect()
    }

    /// The kinds of the events that are written down, in order.
    pub(crate) fn audit_kinds(&self) -> Vec<String> {
        self.texts("SELECT kind AS value FROM audit_events ORDER BY at, id").into_iter().flatten().collect()
    }

    /// How many rows each table has in which a request could leave something.
    pub(crate) fn row_counts(&self) -> BTreeMap<&'static str, String> {
        let tables = [
            "users",
            "sessions",
            "refresh_tokens",
            "api_keys",
            "tickets",
            "conversations",
            "turns",
            "turn_pieces",
            "idempotency_keys",
            "exports",
            "erasures",
        ];
        let count = |table| {
            let counts = self.texts(&format!("SELECT CAST(count(*) AS text) AS value FROM {table}"));
            (table, counts.into_iter().next().flatten().unwrap())
        };
        tables.map(count).into()
    }

    /// As infra has it.
    pub(crate) fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("colloquy.db");
        let url = format!("sqlite://{}", path.display());
        Self { url, settings: sqlite_settings(path), _home: Home::File(directory) }
    }

    fn postgres(template: Option<&str>) -> Self {
        let name = format!("colloquy_{}", Uuid::now_v7().simple());
        let template = template.map_or(String::new(), |template| format!(" TEMPLATE {template}"));
        administer(&format!("CREATE DATABASE {name}{template}"));
        let url = url_of(&name);
        Self { settings: postgres_settings(&url), url, _home: Home::Server { name } }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::Server { name } = self {
            administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn sqlite_settings(path: PathBuf) -> StoreSettings {
    let acquire_timeout = Duration::from_secs(10);
    StoreSettings::Sqlite(SqliteSettings { path, readers: 4, acquire_timeout, journal_queue: 1024 })
}

fn postgres_settings(url: &str) -> StoreSettings {
    StoreSettings::Postgres(PostgresSettings {
        url: url.to_owned().into(),
        pool_size: 8,
        acquire_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(10),
        statement_cache: true,
        journal_queue: 1024,
    })
}

/// A migrated database that others are copied from, made once per test run.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("colloquy_template_{}", Uuid::now_v7().simple());
        administer(&format!("CREATE DATABASE {name}"));
        infra::store::migrate(&postgres_settings(&url_of(&name))).unwrap();
        name
    })
}

fn administer(statement: &str) {
    let mut connection = PgConnection::establish(&server()).unwrap();
    diesel::sql_query(statement).execute(&mut connection).unwrap();
}

fn url_of(database: &str) -> String {
    let server = server();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{database}")
}

fn server() -> String {
    std::env::var(POSTGRES).unwrap_or_else(|_| {
        panic!(
            "this test needs PostgreSQL: run `cargo xtask test`, which starts one, or set {POSTGRES} to the URL of one"
        )
    })
}
