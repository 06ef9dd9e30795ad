//! What went wrong, and what of it may be written to the log.
//!
//! An error's text is logged wherever the server runs, so that it holds nothing but what the server calls its failure:
//! servers quote the question in their messages. The whole of what they say is logged at `DEBUG`, here and nowhere else.

use std::error::Error;
use std::time::Duration;

use chrono::DateTime;
use domain::chat::{EngineError, EngineErrorKind};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::time::timeout;

/// The most that is read of an error's body, in bytes.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// How long an error's body may take. The status has said what matters; a body that hangs must not make a timeout of it.
const ERROR_BODY_TIME: Duration = Duration::from_secs(1);

/// The most of it that gets into the log, in characters.
const MAX_LOGGED: usize = 1024;

/// The most of a name that a server gives its failure, in characters.
const MAX_NAME: usize = 64;

/// The most that a server may ask to be left alone; more is a mistake of its clock or of ours.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes down failures, without the key that some servers repeat in them.
#[derive(Clone)]
pub(super) struct Failures {
    pub(super) key: Option<SecretString>,
}

impl Failures {
    /// A response that is not 200.
    pub(super) async fn of_status(&self, response: Response) -> EngineError {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        // The status says enough if the body cannot be read.
        let body = timeout(ERROR_BODY_TIME, read_up_to(response, MAX_ERROR_BODY)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        self.log(&String::from_utf8_lossy(&body));
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = format!("status {}{}", status.as_u16(), self.names(document.get("error").unwrap_or(&document)));
        EngineError::new(kind_of(status), text).with_retry_after(retry_after)
    }

    /// A failure that the server reports in the midst of an answer.
    pub(super) fn reported(&self, report: &Value) -> EngineError {
        self.log(&report.to_string());
        EngineError::new(EngineErrorKind::BadResponse, format!("the server reports a failure{}", self.names(report)))
    }

    /// Something that is no answer. serde's own message would quote it.
    pub(super) fn unreadable(&self, text: &[u8], error: &serde_json::Error) -> EngineError {
        self.log(&String::from_utf8_lossy(text));
        let (category, line, column) = (error.classify(), error.line(), error.column());
        let text = format!("no chat completion: {category:?} at line {line} column {column}");
        EngineError::new(EngineErrorKind::BadResponse, text)
    }

    fn log(&self, said: &str) {
        tracing::debug!(said = self.loggable(said), "an engine's server failed");
    }

    /// What the server calls its failure, for the end of a sentence: ` (type insufficient_quota, code 7)`.
    fn names(&self, report: &Value) -> String {
        let named = ["type", "code"].into_iter().filter_map(|field| {
            let name = match report.get(field)? {
                Value::String(name) => self.loggable(name),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            Some(format!("{field} {}", identifier(&name)?))
        });
        let named: Vec<String> = named.collect();
        if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
    }

    /// A text on one line, not too long, and without the key.
    fn loggable(&self, text: &str) -> String {
        let without_key = match &self.key {
            Some(key) => text.replace(key.expose_secret(), "[key]"),
            None => text.to_owned(),
        };
        without_key.chars().take(MAX_LOGGED).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

/// A name as programs give them; whatever has blanks or is long may be prose, and quote.
fn identifier(name: &str) -> Option<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    (!name.is_empty() && name.len() <= MAX_NAME && name.chars().all(is_name)).then_some(name)
}

/// A request that could not be sent, or whose connection broke.
pub(super) fn transport(error: reqwest::Error) -> EngineError {
    let kind = if error.is_timeout() { EngineErrorKind::Timeout } else { EngineErrorKind::Unavailable };
    EngineError::new(kind, with_causes(&error.without_url()))
}

/// What happened, and why, and why that: `error sending request: client error (Connect): connection refused`.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A whole body, if it is no longer than `max` bytes.
pub(super) async fn read_capped(response: Response, max: usize) -> Result<Vec<u8>, EngineError> {
    let body = read_up_to(response, max + 1).await?;
    if body.len() > max {
        return Err(EngineError::new(EngineErrorKind::BadResponse, format!("the answer is longer than {max} bytes")));
    }
    Ok(body)
}

async fn read_up_to(mut response: Response, max: usize) -> Result<Vec<u8>, EngineError> {
    let mut body = Vec::new();
    while body.len() < max {
        let Some(chunk) = response.chunk().await.map_err(transport)? else { break };
        let taken = chunk.len().min(max - body.len());
        body.extend_from_slice(&chunk[..taken]);
    }
    Ok(body)
}

fn kind_of(status: StatusCode) -> EngineErrorKind {
    match status.as_u16() {
        408 | 504 => EngineErrorKind::Timeout,
        429 | 500.. => EngineErrorKind::Unavailable,
        _ => EngineErrorKind::BadResponse,
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3). A date is compared with the server's own `Date`, so
/// that it does not matter how far its clock is from ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let now = DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
        let then = DateTime::parse_from_rfc2822(value).ok()?;
        (then - now).to_std().unwrap_or_default()
    };
    Some(after.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn headers(retry_after: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (RETRY_AFTER, HeaderValue::from_static(retry_after)),
            (DATE, HeaderValue::from_static("Wed, 21 Oct 2015 07:28:00 GMT")),
        ])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        for (value, expected) in [
            ("7", Some(Duration::from_secs(7))),
            (" 7 ", Some(Duration::from_secs(7))),
            ("Wed, 21 Oct 2015 07:29:30 GMT", Some(Duration::from_secs(90))),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(Duration::ZERO)),
            ("99999999999", Some(MAX_RETRY_AFTER)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(&headers(value)), expected, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_status_is_a_kind_of_failure() {
        use EngineErrorKind::{BadResponse, Timeout, Unavailable};
        for (status, kind) in [
            (204, BadResponse),
            (302, BadResponse),
            (400, BadResponse),
            (401, BadResponse),
            (404, BadResponse),
            (408, Timeout),
            (429, Unavailable),
            (500, Unavailable),
            (502, Unavailable),
            (503, Unavailable),
            (504, Timeout),
            (529, Unavailable),
        ] {
            assert_eq!(kind_of(StatusCode::from_u16(status).unwrap()), kind, "{status}");
        }
    }

    fn failures() -> Failures {
        Failures { key: Some(SecretString::from("sk-secret")) }
    }

    #[test]
    fn what_a_server_says_is_logged_on_one_short_line_without_the_key() {
        let text = failures().loggable(&format!("key sk-secret\nis wrong{}", "!".repeat(9999)));
        assert!(text.starts_with("key [key] is wrong!"), "{text}");
        assert_eq!(text.chars().count(), MAX_LOGGED);
    }

    #[test]
    fn an_error_has_the_servers_names_for_it_and_none_of_its_prose() {
        for (report, expected) in [
            (
                json!({"type": "insufficient_quota", "code": 7, "message": "my name is Ada"}),
                "failure (type insufficient_quota, code 7)",
            ),
            (json!({"type": "my name is Ada", "code": "a".repeat(65)}), "failure"),
            (json!({"type": "sk-secret", "code": null}), "failure (type [key])"),
            (json!({"type": {"name": "Ada"}, "code": "Ada\nLovelace"}), "failure"),
            (json!("my name is Ada"), "failure"),
        ] {
            let text = failures().reported(&report).to_string();
            assert!(text.ends_with(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        let said = br#"{"choices": "my name is Ada"}"#;
        let error = serde_json::from_slice::<Vec<u8>>(said).unwrap_err();
        let text = failures().unreadable(said, &error).to_string();
        assert!(text.ends_with("no chat completion: Data at line 1 column 0"), "{text}");
    }
}
