use actix_web::http::header::{CACHE_CONTROL, PRAGMA, USER_AGENT};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use domain::session::{Client, Credentials, LoggedIn, LoginService};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorCode, TokenProblem};
use crate::extract::{Body, MediaType};

/// The form of the password grant (RFC 6749 §4.3.2). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form; `PasswordGrant` reads it")]
pub(crate) struct TokenForm {
    /// Absent, or `password`.
    #[schema(example = "password")]
    grant_type: Option<String>,
    #[schema(example = "ada")]
    username: String,
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
    /// Accepted and not used: there are no scopes yet.
    scope: Option<String>,
    /// Accepted and not used: there are no clients to tell apart.
    client_id: Option<String>,
    /// Accepted and not used.
    client_secret: Option<String>,
}

/// An access token (RFC 6749 §5.1) and whose it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenResponse<'a> {
    /// Goes into `Authorization: Bearer` of every other request.
    access_token: &'a str,
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// How many seconds the token is valid.
    #[schema(example = 900)]
    expires_in: u64,
    /// What the token may be used for; empty, as there are no scopes yet.
    #[schema(example = "")]
    scope: &'static str,
    /// The session that was opened. It ends with `POST /logout`.
    session_id: Uuid,
    #[schema(example = "ada")]
    username: &'a str,
}

/// Log in
///
/// Opens a session and gives an access token for it. Errors have the members of RFC 6749 §5.2 (`error`,
/// `error_description`) beside those of a problem document.
#[utoipa::path(
    post,
    path = "/token",
    operation_id = "logIn",
    tag = "accounts",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Logged in", body = TokenResponse),
        (
            status = 400,
            description = "`invalid_grant`: wrong credentials. `invalid_request`: a field is missing. \
                           `unsupported_grant_type`: another grant than `password`",
            body = TokenProblem
        ),
        (status = 408, description = "The body did not come in time", body = TokenProblem),
        (status = 413, description = "The body is too large", body = TokenProblem),
        (status = 415, description = "The body is no form", body = TokenProblem),
        (status = 500, description = "Internal error", body = TokenProblem),
        (status = 503, description = "Too many logins at once, or the store is not available", body = TokenProblem),
    )
)]
pub(crate) async fn issue(
    login: Data<LoginService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    log_in(&login, &request, body).await.map_err(ApiError::in_oauth_terms)
}

async fn log_in(login: &LoginService, request: &HttpRequest, body: Body) -> Result<HttpResponse, ApiError> {
    let form = body.read(MediaType::Form).await?;
    let credentials = PasswordGrant::parse(&form)?.into_credentials()?;
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let client = Client::new(request.peer_addr().map(|address| address.ip()), agent);
    let LoggedIn { user, session_id, access } = login.login(credentials, client).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache")).json(
        TokenResponse {
            access_token: access.token.expose_secret(),
            token_type: "bearer",
            expires_in: access.expires_in.as_secs(),
            scope: "",
            session_id: session_id.as_uuid(),
            username: user.username.as_str(),
        },
    ))
}

/// The parameters that count. One without a value is taken as not sent, one that is sent twice is an error
/// (RFC 6749 §3.2).
#[derive(Default)]
struct PasswordGrant {
    grant_type: Option<String>,
    username: Option<String>,
    password: Option<SecretString>,
}

impl PasswordGrant {
    fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let malformed = || ApiError::new(ErrorCode::InvalidRequest, "The form is not well-formed.");
        let form = str::from_utf8(form).map_err(|_| malformed())?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(form).map_err(|_| malformed())?;
        let mut grant = Self::default();
        for (name, value) in pairs.into_inner() {
            if value.is_empty() {
                continue;
            }
            let is_repeated = match name.as_str() {
                "grant_type" => grant.grant_type.replace(value).is_some(),
                "username" => grant.username.replace(value).is_some(),
                "password" => grant.password.replace(value.into()).is_some(),
                _ => false,
            };
            if is_repeated {
                let detail = format!("The parameter {name} is given more than once.");
                return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
            }
        }
        Ok(grant)
    }

    fn into_credentials(self) -> Result<Credentials, ApiError> {
        if self.grant_type.is_some_and(|grant| grant != "password") {
            let detail = "The only grant_type is password.";
            return Err(ApiError::new(ErrorCode::UnsupportedGrantType, detail));
        }
        let (Some(username), Some(password)) = (self.username, self.password) else {
            let detail = "The parameters username and password are required.";
            return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
        };
        Ok(Credentials { username, password })
    }
}
