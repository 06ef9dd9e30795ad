use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::session::{AccessToken, Credentials, LoggedIn, LoginService, RefreshService, Refreshed};
use domain::user::Username;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{ApiError, ErrorCode, TokenProblem};
use crate::extract::{Body, Form, MediaType, client_of};

/// The form of the password grant (RFC 6749 §4.3.2) and of the refresh grant (§6). Other parameters are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form; `issue` reads it")]
pub(crate) struct TokenForm {
    /// Absent, `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: Option<String>,
    #[schema(example = "ada")]
    username: Option<String>,
    #[schema(format = Password, example = "correct horse battery staple")]
    password: Option<String>,
    /// What was given with the last access token; of the refresh grant.
    refresh_token: Option<String>,
    /// Accepted and not used: an access token has all of its user's rights. API keys have scopes.
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
    /// Is exchanged for the next tokens with `grant_type=refresh_token`, once.
    refresh_token: &'a str,
    /// Empty: the token has all of its user's rights.
    #[schema(example = "")]
    scope: &'static str,
    /// The session that the token belongs to. It ends with `POST /logout`.
    session_id: Uuid,
    #[schema(example = "ada")]
    username: &'a str,
}

/// Log in, or go on with a session
///
/// The password grant opens a session; the refresh grant exchanges a refresh token for the next one and a new access
/// token. A refresh token that comes a second time ends its session, except within 30 seconds, when it gets the same
/// successor. Errors have the members of RFC 6749 §5.2 (`error`, `error_description`) beside those of a problem document.
#[utoipa::path(
    post,
    path = "/token",
    operation_id = "logIn",
    tag = "accounts",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Logged in, or gone on", body = TokenResponse),
        (
            status = 400,
            description = "`invalid_grant`: wrong credentials, or a refresh token that is not valid. `invalid_request`: \
                           a field is missing. `unsupported_grant_type`: another grant than `password` and \
                           `refresh_token`",
            body = TokenProblem
        ),
        (status = 408, description = "The body did not come in time", body = TokenProblem),
        (status = 413, description = "The body is too large", body = TokenProblem),
        (status = 415, description = "The body is no form", body = TokenProblem),
        (
            status = 429,
            description = "Too many attempts: try again after `Retry-After`. `RateLimit` and `RateLimit-Policy` say, here \
                           and in other responses, where one stands",
            body = TokenProblem
        ),
        (status = 500, description = "Internal error", body = TokenProblem),
        (status = 503, description = "Too many logins at once, or the store is not available", body = TokenProblem),
    )
)]
pub(crate) async fn issue(
    login: Data<LoginService>,
    refresh: Data<RefreshService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    grant(&login, &refresh, &request, body).await.map_err(ApiError::in_oauth_terms)
}

async fn grant(
    login: &LoginService,
    refresh: &RefreshService,
    request: &HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let mut form = Form::parse(&body.read(MediaType::Form).await?)?;
    let client = client_of(request);
    match form.take("grant_type")?.as_deref() {
        None | Some("password") => {
            let credentials =
                Credentials { username: form.require("username")?, password: form.require_secret("password")? };
            let LoggedIn { user, session_id, access, refresh } = login.login(credentials, client).await?;
            Ok(tokens(&access, &refresh, session_id.as_uuid(), &user.username))
        }
        Some("refresh_token") => {
            let presented = form.require_secret("refresh_token")?;
            let Refreshed { session, access, refresh } = refresh.refresh(presented.expose_secret(), client).await?;
            Ok(tokens(&access, &refresh, session.id.as_uuid(), &session.username))
        }
        Some(_) => {
            let detail = "The grant_type must be password or refresh_token.";
            Err(ApiError::new(ErrorCode::UnsupportedGrantType, detail))
        }
    }
}

fn tokens(access: &AccessToken, refresh: &SecretString, session_id: Uuid, username: &Username) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache")).json(
        TokenResponse {
            access_token: access.token.expose_secret(),
            token_type: "bearer",
            expires_in: access.expires_in.as_secs(),
            refresh_token: refresh.expose_secret(),
            scope: "",
            session_id,
            username: username.as_str(),
        },
    )
}
