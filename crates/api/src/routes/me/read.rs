use actix_web::web::{Data, Json};
use domain::user::AccountService;

use crate::dto::User;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::extract::permission::ReadProfile;
use crate::openapi::{Failures, Forbidden, Unauthenticated};

/// The caller's account
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "getMe",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    responses((status = 200, description = "The account", body = User), Unauthenticated, Forbidden, Failures)
)]
pub(crate) async fn me(caller: Caller<ReadProfile>, accounts: Data<AccountService>) -> Result<Json<User>, ApiError> {
    // An account that was deleted a moment ago has no session any more either.
    let user = accounts.profile(&caller.0).await?.ok_or_else(ApiError::invalid_token)?;
    Ok(Json(user.into()))
}
