use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::session::{AuthenticateError, AuthenticationService, SessionService};

use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Caller, client_of, cross_site, session_cookie};
use crate::openapi::{CrossSite, Failures, Forbidden, Unauthenticated};
use crate::services::ApiSettings;

/// Log out
///
/// Ends the session. Its token and its cookie are refused from now on, however long they would still be valid.
#[utoipa::path(
    post,
    path = "/logout",
    operation_id = "logOut",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    responses((status = 204, description = "The session has ended"), Unauthenticated, Forbidden, Failures)
)]
pub(crate) async fn logout(
    caller: Caller<ManageAccount>,
    sessions: Data<SessionService>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    sessions.logout(&caller.0, client_of(&request)).await?;
    let mut response = HttpResponse::NoContent();
    if session_cookie::read(&request, &settings.browser).is_some() {
        response.cookie(session_cookie::cleared(&settings.browser));
    }
    Ok(response.finish())
}

/// Log out with a browser
///
/// Ends the session of the cookie, if there is one, takes the cookie away and leads to the login page. The request must
/// come from this origin: it is the one GET that changes something.
#[utoipa::path(
    get,
    path = "/logout",
    operation_id = "logOutBrowser",
    tag = "accounts",
    responses(
        (
            status = 302,
            description = "Logged out",
            headers(
                ("Location" = String, description = "`/login`"),
                ("Set-Cookie" = String, description = "Takes the session's cookie away")
            )
        ),
        CrossSite,
        Failures,
    )
)]
pub(crate) async fn logout_browser(
    authentication: Data<AuthenticationService>,
    sessions: Data<SessionService>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    cross_site::refuse_foreign(&request)?;
    if let Some(cookie) = session_cookie::read(&request, &settings.browser) {
        match authentication.cookie(&cookie).await {
            Ok(principal) => sessions.logout(&principal, client_of(&request)).await?,
            Err(AuthenticateError::Unexpected(error)) => return Err(error.into()),
            // Whose session is over already is logged out.
            Err(AuthenticateError::Token(_) | AuthenticateError::Ended | AuthenticateError::Unknown) => {}
        }
    }
    Ok(HttpResponse::Found()
        .insert_header((LOCATION, "/login"))
        .cookie(session_cookie::cleared(&settings.browser))
        .finish())
}
