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
    /// The statements of the journal. Each touches a few rows by their keys, however large the tables are. A plan
    /// that was made while they were small, and is kept, must not read them whole once they have grown.
    Journal,
}

const BY_KEY_ONLY: &str = "%20-c%20enable_seqscan%3Doff%20-c%20enable_hashjoin%3Doff%20-c%20enable_mergejoin%3Doff";

impl ConnectionOptions {
    /// Options for a `postgres://` URL.
    ///
    /// Parameters that the URL does not give itself are added: time limits, so that neither a silent network
    /// nor a slow statement holds a caller for long. A `statement` limit of zero adds no start-up parameter
    /// `options` at all (PgBouncer refuses it).
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
            let by_key_only = if purpose == Purpose::Journal { BY_KEY_ONLY } else { "" };
            let options = format!("-c%20statement_timeout%3D{}{by_key_only}", statement.as_millis());
            add(&mut url, "options", &options);
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

    #[test]
    fn a_statement_timeout_travels_with_the_connection() {
        let url = SecretString::from("postgres://u@h/db");
        let of = |purpose| ConnectionOptions::new(&url, purpose, Duration::from_secs(2), Duration::from_secs(3), true);
        assert!(of(Purpose::Requests).url.expose_secret().ends_with("&options=-c%20statement_timeout%3D3000"));
        assert!(
            of(Purpose::Journal).url.expose_secret().ends_with(
                "3000%20-c%20enable_seqscan%3Doff%20-c%20enable_hashjoin%3Doff%20-c%20enable_mergejoin%3Doff"
            )
        );
    }
}
