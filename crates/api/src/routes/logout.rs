use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::session::LoginService;

use crate::error::ApiError;
use crate::extract::Caller;
use crate::openapi::{Failures, Unauthenticated};

/// Log out
///
/// Ends the session. Its token is refused from now on, however long it would still be valid.
#[utoipa::path(
    post,
    path = "/logout",
    operation_id = "logOut",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    responses((status = 204, description = "The session has ended"), Unauthenticated, Failures)
)]
pub(crate) async fn logout(caller: Caller, login: Data<LoginService>) -> Result<HttpResponse, ApiError> {
    login.logout(&caller.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
