//! What the server answered.

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// An answer to a question.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) response: String,
    pub(crate) conversation_id: Uuid,
    pub(crate) turn_id: Uuid,
    pub(crate) session_id: Uuid,
    pub(crate) status: String,
    pub(crate) incomplete_reason: Option<String>,
}

/// A turn as it is stored.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Turn {
    pub(crate) id: Uuid,
    pub(crate) seq: i64,
    pub(crate) parent_turn_id: Option<Uuid>,
    pub(crate) status: String,
    pub(crate) incomplete_reason: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) request_question: String,
    pub(crate) response: Option<String>,
    pub(crate) parts: Option<Vec<Value>>,
    pub(crate) graph_url: Option<String>,
}

/// A problem document.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) instance: String,
    pub(crate) request_id: String,
    pub(crate) turn_id: Option<Uuid>,
    #[serde(default)]
    pub(crate) errors: Vec<FieldError>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct FieldError {
    pub(crate) pointer: String,
}

/// Some rows of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    pub(crate) last_id: Option<Uuid>,
    pub(crate) has_more: bool,
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Self { status, headers, text: response.text().await? })
    }

    /// The header's value, if it is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().unwrap();
        assert!(values.next().is_none(), "{name} is there more than once");
        Some(value)
    }

    /// The body, the status being that one.
    #[track_caller]
    pub(crate) fn body<T: DeserializeOwned>(&self, status: u16) -> T {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body as JSON, the status being 200.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.body(200)
    }

    /// The answer, if there is one.
    #[track_caller]
    pub(crate) fn answer(&self) -> Answer {
        self.body(200)
    }

    /// The problem, which must be of that status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Problem {
        let problem: Problem = self.body(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{}", self.text);
        problem
    }

    /// Whether it is the stored result of an earlier request.
    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }
}
