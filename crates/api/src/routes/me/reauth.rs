use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::session::ConfirmationService;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Body, Caller, client_of};
use crate::openapi::{Failures, Forbidden, JsonBody, Unauthenticated};

/// The caller's password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct Reauthentication {
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
}

/// Give the password again
///
/// For five minutes the session may then change what a stolen one must not.
#[utoipa::path(
    post,
    path = "/api/v1/me/reauth",
    operation_id = "reauthenticate",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    request_body = Reauthentication,
    responses((status = 204, description = "It is the password"), Unauthenticated, Forbidden, JsonBody, Failures)
)]
pub(crate) async fn reauth(
    caller: Caller<ManageAccount>,
    confirmation: Data<ConfirmationService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let Reauthentication { password } = body.json().await?;
    confirmation.confirm(&caller.0, password.into(), client_of(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}
