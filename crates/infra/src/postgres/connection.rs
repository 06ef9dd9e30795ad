use std::time::Duration;

use diesel::connection::CacheSize;
use diesel::{Connection, ConnectionResult, PgConnection};
use secrecy::{ExposeSecret, SecretString};

use crate::sql::{Connect, Pool};

/// Connections to PostgreSQL.
pub(super) type PgPool = Pool<PgConnection>;

/// How a connection is opened.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    url: SecretString,
    statement_cache: bool,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whatever requests ask.
    Requests,
    /// The statements of the journal and of the beat, each of them for many callers. They touch a few rows by their keys, however
    /// large the tables are: a plan that was made while those were small, and is kept, must not read them whole once
    /// they have grown. And they do not wait long for a row that somebody holds, for all would wait with them.
    Journal,
}

/// What PostgreSQL is told of the journal's connections.
const FOR_MANY: [&str; 4] = ["enable_seqscan=off", "enable_hashjoin=off", "enable_mergejoin=off", "lock_timeout=200"];

impl ConnectionOptions {
    /// Options for a `postgres://` URL.
    ///
    /// Parameters that the URL does not give itself are added: time limits, so that neither a silent network
    /// nor a slow statement holds a caller for long. A `statement` limit of zero adds nothing to the start-up
    /// parameter `options` (PgBouncer refuses it); otherwise what the URL has there stays, and comes last.
    pub(super) fn new(
        url: &SecretString,
        purpose: Purpose,
        connect: Duration,
        statement: Duration,
        statement_cache: bool,
    ) -> Self {
        let mut url = url.expose_secret().to_owned();
        let unanswered = statement.max(connect).as_millis().max(1000);
        add(&mut url, "connect_timeout", &connect.as_secs().max(2).to_string());
        add(&mut url, "tcp_user_timeout", &unanswered.to_string());
        add(&mut url, "keepalives_idle", "5");
        add(&mut url, "keepalives_interval", "1");
        add(&mut url, "keepalives_count", "3");
        add(&mut url, "application_name", "colloquy");
        if !statement.is_zero() {
            let limit = format!("statement_timeout={}", statement.as_millis());
            let for_many: &[&str] = if purpose == Purpose::Journal { &FOR_MANY } else { &[] };
            let said: Vec<String> = std::iter::once(limit.as_str())
                .chain(for_many.iter().copied())
                .map(|setting| format!("-c%20{}", setting.replace('=', "%3D")))
                .collect();
            put_first(&mut url, "options", &said.join("%20"));
        }
        Self { url: url.into(), statement_cache }
    }
}

/// Appends a query parameter unless the URL has it.
fn add(url: &mut String, name: &str, value: &str) {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    if !query.split('&').any(|pair| pair.split('=').next() == Some(name)) {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.extend([name, "=", value]);
    }
}

/// Puts a value before the one that the URL has, if it has one.
fn put_first(url: &mut String, name: &str, value: &str) {
    let begun = [format!("?{name}="), format!("&{name}=")];
    match begun.iter().find_map(|begun| url.find(begun.as_str()).map(|at| at + begun.len())) {
        Some(at) => url.insert_str(at, &format!("{value}%20")),
        None => add(url, name, value),
    }
}

impl Connect for PgConnection {
    type Options = ConnectionOptions;

    fn connect(options: &ConnectionOptions) -> ConnectionResult<Self> {
        let mut connection = Self::establish(options.url.expose_secret())?;
        if !options.statement_cache {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_says_wins() {
        let url = SecretString::from("postgres://u@h/db?connect_timeout=9&sslmode=require");
        let options = ConnectionOptions::new(&url, Purpose::Journal, Duration::from_secs(2), Duration::ZERO, true);
        let url = options.url.expose_secret();
        assert!(url.starts_with("postgres://u@h/db?connect_timeout=9&sslmode=require&tcp_user_timeout="));
        assert!(!url.contains("options="));
    }

    fn options(url: &str, purpose: Purpose) -> String {
        let options =
            ConnectionOptions::new(&url.into(), purpose, Duration::from_secs(2), Duration::from_secs(3), true);
        let url = options.url.expose_secret();
        let options = url.split_once("options=").unwrap().1;
        options.split('&').next().unwrap().replace("%20", " ").replace("%3D", "=")
    }

    #[test]
    fn a_statement_timeout_travels_with_the_connection() {
        assert_eq!(options("postgres://u@h/db", Purpose::Requests), "-c statement_timeout=3000");
        assert_eq!(
            options("postgres://u@h/db", Purpose::Journal),
            "-c statement_timeout=3000 -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off \
             -c lock_timeout=200"
        );
    }

    #[test]
    fn options_of_the_url_stay_and_come_last() {
        for url in
            ["postgres://u@h/db?options=-c%20work_mem%3D1MB", "postgres://u@h/db?a=b&options=-c%20work_mem%3D1MB&c=d"]
        {
            assert_eq!(options(url, Purpose::Requests), "-c statement_timeout=3000 -c work_mem=1MB");
        }
    }
}
