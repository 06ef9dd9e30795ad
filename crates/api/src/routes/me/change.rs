use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use domain::user::{AccountService, ProfileWish};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::dto::User;
use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Body, Caller, client_of};
use crate::openapi::{Conflict, Failures, Forbidden, JsonBody, Unauthenticated};

/// What is to be different. A role cannot be chosen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct AccountChange {
    /// 1 to 64 ASCII letters, digits or any of `. _ - @ +`. Nobody else may have it, in whatever case.
    #[schema(example = "ada")]
    username: Option<String>,
    /// Nobody else may have it.
    #[schema(example = "ada@example.org")]
    email: Option<String>,
}

/// Change the caller's account
///
/// The password must have been given within the last five minutes: `POST /api/v1/me/reauth`.
#[utoipa::path(
    patch,
    path = "/api/v1/me",
    operation_id = "changeMe",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    request_body = AccountChange,
    responses(
        (status = 200, description = "The account as it is now", body = User),
        Unauthenticated,
        Forbidden,
        JsonBody,
        Conflict,
        Failures,
    )
)]
pub(crate) async fn change(
    caller: Caller<ManageAccount>,
    accounts: Data<AccountService>,
    request: HttpRequest,
    body: Body,
) -> Result<Json<User>, ApiError> {
    let AccountChange { username, email } = body.json().await?;
    let user = accounts.change_profile(&caller.0, ProfileWish { username, email }, client_of(&request)).await?;
    Ok(Json(user.into()))
}
