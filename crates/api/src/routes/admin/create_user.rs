use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::user::{AdministrationService, Administrator, NewAccount, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::dto::User;
use crate::error::ApiError;
use crate::extract::permission::ManageUsers;
use crate::extract::{Body, Caller, Validation, client_of};
use crate::openapi::{Conflict, Failures, Forbidden, JsonBody, Unauthenticated};

/// An account that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct NewUser {
    /// 1 to 64 ASCII letters, digits or any of `. _ - @ +`. Nobody else may have it, in whatever case.
    #[schema(example = "ada")]
    username: String,
    /// Nobody else may have it.
    #[schema(example = "ada@example.org")]
    email: String,
    /// At least 8 characters, at most 1,024 bytes, and not one that everybody tries first.
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
    /// `user`, the default, or `admin`.
    #[schema(example = "user")]
    role: Option<String>,
}

/// Make an account
///
/// For an administrator's, the caller's password must have been given within the last five minutes.
#[utoipa::path(
    post,
    path = "/api/v1/admin/users",
    operation_id = "createUser",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    request_body = NewUser,
    responses(
        (status = 201, description = "Made", body = User),
        Unauthenticated,
        Forbidden,
        JsonBody,
        Conflict,
        Failures,
    )
)]
pub(crate) async fn create(
    caller: Caller<ManageUsers>,
    administration: Data<AdministrationService>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let NewUser { username, email, password, role } = body.json().await?;
    let mut validation = Validation::default();
    let Ok(role) = validation.optional("/role", role.map(|role| role.parse::<Role>())) else {
        return Err(validation.into_error());
    };
    let by = Administrator::of(&caller.0, client_of(&request));
    let account = NewAccount { username, email, password: password.into() };
    let user = administration.create(&by, account, role.unwrap_or(Role::User)).await?;
    Ok(HttpResponse::Created().json(User::from(user)))
}
