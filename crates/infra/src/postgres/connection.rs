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

impl ConnectionOptions {
    /// Options for a `postgres://` URL.
    ///
    /// Parameters that the URL does not give itself are added: time limits, so that neither a silent network
    /// nor a slow statement holds a caller for long. A `statement_timeout` of zero adds none (PgBouncer refuses
    /// the start-up parameter that carries it).
    pub(super) fn new(url: &SecretString, connect: Duration, statement: Duration, statement_cache: bool) -> Self {
        let mut url = url.expose_secret().to_owned();
        let unanswered = statement.max(connect).as_millis().max(1000);
        add(&mut url, "connect_timeout", &connect.as_secs().max(2).to_string());
        add(&mut url, "tcp_user_timeout", &unanswered.to_string());
        add(&mut url, "keepalives_idle", "5");
        add(&mut url, "keepalives_interval", "1");
        add(&mut url, "keepalives_count", "3");
        add(&mut url, "application_name", "colloquy");
        if !statement.is_zero() {
            add(&mut url, "options", &format!("-c%20statement_timeout%3D{}", statement.as_millis()));
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
        let options = ConnectionOptions::new(&url, Duration::from_secs(2), Duration::ZERO, true);
        let url = options.url.expose_secret();
        assert!(url.starts_with("postgres://u@h/db?connect_timeout=9&sslmode=require&tcp_user_timeout="));
        assert!(!url.contains("options="));
    }

    #[test]
    fn a_statement_timeout_travels_with_the_connection() {
        let url = SecretString::from("postgres://u@h/db");
        let options = ConnectionOptions::new(&url, Duration::from_secs(2), Duration::from_secs(3), true);
        assert!(options.url.expose_secret().ends_with("&options=-c%20statement_timeout%3D3000"));
    }
}
