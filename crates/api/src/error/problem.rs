use std::borrow::Cow;
use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, ErrorCode};

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where the field is: a JSON Pointer (RFC 6901) into the body, or a slash and the query parameter's name.
    #[schema(example = "/question")]
    pub(crate) pointer: String,
    /// What it would have to be.
    #[schema(example = "must not be empty")]
    pub(crate) message: String,
}

impl FieldError {
    pub(crate) fn new(pointer: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { pointer: pointer.into(), message: message.to_string() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the body" } else { &self.pointer };
        write!(f, "{place} {}", self.message)
    }
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem<'a> {
    /// A URI that names the kind of problem.
    #[schema(example = "urn:colloquy:problem:validation_failed")]
    r#type: &'static str,
    /// The kind of problem in a few words.
    #[schema(example = "The request has invalid fields")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong this time.
    #[schema(example = "/question must not be empty")]
    detail: &'a str,
    /// The path of the request.
    #[schema(example = "/chat")]
    instance: &'a str,
    /// The kind of problem as a stable code; docs/ERRORS.md lists them.
    #[schema(example = "validation_failed")]
    code: &'static str,
    /// The request's id, as in the header `X-Request-Id` and in the server's log.
    #[schema(example = "01890f5e-6c1f-7cc2-98c4-dc0c0c07398f")]
    request_id: &'a str,
    /// The fields that are wrong, if the problem is about fields.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// The seconds after which trying again makes sense, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// The turn that the problem is about, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_id: Option<Uuid>,
}

/// A problem of the token endpoint: the members of RFC 6749 §5.2 beside those of RFC 9457.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenProblem<'a> {
    /// The error code of RFC 6749 §5.2.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// The same as `detail`.
    #[schema(example = "The username or the password is wrong.")]
    error_description: Cow<'a, str>,
    #[serde(flatten)]
    problem: Problem<'a>,
}

impl ApiError {
    /// The response to the request of that id, which was for that path.
    pub(crate) fn respond(&self, instance: &str, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        if let Some(header) = &self.header {
            response.insert_header((header.0.clone(), header.1.clone()));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.code == ErrorCode::RequestTimeout {
            // The rest of the body may still come, and is not the next request.
            response.force_close();
        }
        let problem = self.problem(instance, request_id);
        if self.speaks_oauth {
            let error_description = oauth_text(problem.detail);
            return response.json(TokenProblem { error: oauth_error(self.code), error_description, problem });
        }
        response.insert_header((CONTENT_TYPE, "application/problem+json")).json(problem)
    }

    fn problem<'a>(&'a self, instance: &'a str, request_id: &'a str) -> Problem<'a> {
        Problem {
            r#type: self.code.problem_type(),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            instance,
            code: self.code.as_str(),
            request_id,
            errors: &self.errors,
            retry_after: self.retry_after,
            turn_id: self.turn_id.map(domain::id::TurnId::as_uuid),
        }
    }
}

/// RFC 6749 §5.2 knows no error for a server's own failures, nor for its limits; those of §4.1.2.1 are used for them.
fn oauth_error(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidGrant | ErrorCode::UnsupportedGrantType => code.as_str(),
        code if matches!(code.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
            "temporarily_unavailable"
        }
        code if code.status().is_server_error() => "server_error",
        _ => "invalid_request",
    }
}

/// `error_description` may hold printable ASCII without `"` and `\` only.
fn oauth_text(detail: &str) -> Cow<'_, str> {
    let is_allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    if detail.chars().all(is_allowed) {
        Cow::Borrowed(detail)
    } else {
        Cow::Owned(detail.chars().map(|c| if is_allowed(c) { c } else { '?' }).collect())
    }
}
