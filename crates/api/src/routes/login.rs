use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::session::{Credentials, LoggedInBrowser, LoginError, LoginService};
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorCode};
use crate::extract::{Body, Form, MediaType, client_of, cross_site, session_cookie};
use crate::openapi::{CrossSite, Failures, FormBody};
use crate::services::ApiSettings;

/// The form of the login page.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the form; `login` reads it")]
pub(crate) struct LoginForm {
    #[schema(example = "ada")]
    username: String,
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
    /// Where one came from: a path of this server. `/` without it, and for anything else.
    #[schema(example = "/")]
    next: Option<String>,
}

/// Log in with a browser
///
/// Opens a session, sets its cookie, and leads back to where one came from. The request must come from this origin.
#[utoipa::path(
    post,
    path = "/login",
    operation_id = "logInBrowser",
    tag = "accounts",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (
            status = 303,
            description = "Logged in",
            headers(
                ("Location" = String, description = "Where one came from"),
                ("Set-Cookie" = String, description = "The session's cookie")
            )
        ),
        FormBody,
        CrossSite,
        Failures,
    )
)]
pub(crate) async fn login(
    login: Data<LoginService>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    cross_site::refuse(&request)?;
    let mut form = Form::parse(&body.read(MediaType::Form).await?)?;
    let credentials = Credentials { username: form.require("username")?, password: form.require_secret("password")? };
    let next = form.take("next")?.filter(|path| is_own_path(path));
    let LoggedInBrowser { cookie, lifetime, .. } =
        login.login_browser(credentials, client_of(&request)).await.map_err(|error| match error {
            LoginError::InvalidCredentials => {
                ApiError::new(ErrorCode::InvalidCredentials, "The username or the password is wrong.")
            }
            other => other.into(),
        })?;
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, next.unwrap_or_else(|| "/".to_owned())))
        .cookie(session_cookie::of(&cookie, lifetime, &settings.browser))
        .finish())
}

/// Whether it leads to this server whatever a browser makes of it: `//host` and `/\host` lead elsewhere.
fn is_own_path(path: &str) -> bool {
    path.starts_with('/')
        && !path[1..].starts_with(['/', '\\'])
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn only_paths_of_this_server_lead_back() {
        for own in ["/", "/c/1?x=2#y", "/login"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in ["", "c", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/ä", "/\t/evil"]
        {
            assert!(!is_own_path(other), "{other:?}");
        }
    }
}
