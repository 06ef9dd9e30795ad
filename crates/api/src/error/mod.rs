//! What goes wrong, as a client is told: one code for each kind, and nothing of what lies behind it.

mod code;
mod from_domain;
mod problem;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use domain::id::TurnId;

use crate::events::EventError;

pub use code::ErrorCode;
pub(crate) use problem::{FieldError, Problem, TokenProblem};

/// How a request ended that has no result.
///
/// `detail` is for the client; `source` is for the log, which sees it once, and is never sent.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    turn_id: Option<TurnId>,
    retry_after: Option<u64>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    source: Option<Box<dyn Error + Send + Sync>>,
    speaks_oauth: bool,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            turn_id: None,
            retry_after: None,
            header: None,
            source: None,
            speaks_oauth: false,
        }
    }

    /// Missing, expired or somebody else's: the client cannot tell which.
    pub(crate) fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "There is nothing here, or nothing that you may see.")
    }

    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        let mut error = Self::new(ErrorCode::MethodNotAllowed, format!("This path has only {allow}."));
        error.header = HeaderValue::from_str(allow).ok().map(|allow| Box::new((ALLOW, allow)));
        error
    }

    /// No bearer token was sent (RFC 6750 §3.1: then the challenge has no error code).
    pub(crate) fn unauthenticated() -> Self {
        let detail = "Send an access token: Authorization: Bearer followed by the token that POST /token gives.";
        Self::new(ErrorCode::Unauthenticated, detail).with_challenge("Bearer")
    }

    /// A token was sent that is not good; which of its rules it breaks is not told.
    pub(crate) fn invalid_token() -> Self {
        let detail = "The access token is not valid, has expired, or its session has ended. Log in again.";
        Self::new(ErrorCode::InvalidToken, detail).with_challenge("Bearer error=\"invalid_token\"")
    }

    /// The caller is known, and may not do this.
    pub(crate) fn forbidden() -> Self {
        Self::new(ErrorCode::Forbidden, "Your role, or the scopes of your API key, do not give this right.")
    }

    pub(crate) fn reauth_required() -> Self {
        let detail = "Give your password with POST /api/v1/me/reauth first; it then counts for five minutes. An API key \
                      cannot do this.";
        Self::new(ErrorCode::ReauthRequired, detail)
    }

    pub(crate) fn last_admin() -> Self {
        Self::new(ErrorCode::LastAdmin, "It is the last administrator who can log in. Make another one first.")
    }

    pub(crate) fn validation(errors: Vec<FieldError>) -> Self {
        let detail: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        Self::new(ErrorCode::ValidationFailed, detail.join("; ")).with_errors(errors)
    }

    pub(crate) fn draining() -> Self {
        Self::new(ErrorCode::Draining, "This server is being stopped and takes no new work. Try again.").retry_after(1)
    }

    pub(crate) fn internal() -> Self {
        let detail = "Something went wrong on the server. Its log has the reason under this request_id.";
        Self::new(ErrorCode::Internal, detail)
    }

    /// For what the framework refused by itself.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            status if status.is_client_error() => Self::new(ErrorCode::InvalidRequest, "The request is not valid."),
            _ => Self::internal(),
        }
    }

    pub(crate) fn saying(mut self, detail: &'static str) -> Self {
        self.detail = detail.into();
        self
    }

    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    pub(crate) fn with_turn(mut self, turn_id: TurnId) -> Self {
        self.turn_id = Some(turn_id);
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn retry_after_at_least(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait.map(whole_seconds).max(self.retry_after);
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The token endpoint's errors have the members of RFC 6749 §5.2 as well.
    pub(crate) fn in_oauth_terms(mut self) -> Self {
        self.speaks_oauth = true;
        self
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        self.code
    }

    pub(crate) const fn turn_id(&self) -> Option<TurnId> {
        self.turn_id
    }

    /// As it is told within a stream, where there is no status left to send.
    pub(crate) fn to_event(&self) -> EventError {
        EventError { code: self.code.as_str(), message: self.detail.to_string(), retry_after: self.retry_after }
    }

    fn with_challenge(mut self, challenge: &'static str) -> Self {
        self.header = Some(Box::new((WWW_AUTHENTICATE, HeaderValue::from_static(challenge))));
        self
    }
}

/// Rounded up, so that nobody comes back too early.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// The bare status: [`crate::middleware::envelope`], which knows the request, writes the problem.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.code.status())
    }
}
