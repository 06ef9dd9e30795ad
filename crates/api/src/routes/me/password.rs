use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::user::AccountService;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Body, Caller, client_of};
use crate::openapi::{Failures, Forbidden, JsonBody, Unauthenticated};

/// The password, and the one that shall take its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct PasswordChange {
    #[schema(format = Password, example = "correct horse battery staple")]
    current_password: String,
    /// At least 8 characters, at most 1,024 bytes, and not one that everybody tries first.
    #[schema(format = Password, example = "an even longer horse")]
    new_password: String,
}

/// Change the caller's password
///
/// Every other session ends.
#[utoipa::path(
    post,
    path = "/api/v1/me/password",
    operation_id = "changePassword",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    request_body = PasswordChange,
    responses((status = 204, description = "Changed"), Unauthenticated, Forbidden, JsonBody, Failures)
)]
pub(crate) async fn change_password(
    caller: Caller<ManageAccount>,
    accounts: Data<AccountService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let PasswordChange { current_password, new_password } = body.json().await?;
    accounts.change_password(&caller.0, current_password.into(), new_password.into(), client_of(&request)).await?;
    Ok(HttpResponse::NoContent().finish())
}
