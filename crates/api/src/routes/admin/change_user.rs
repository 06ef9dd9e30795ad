use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use domain::id::UserId;
use domain::user::{AdministrationService, Administrator, Role};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::permission::ManageUsers;
use crate::extract::{Body, Caller, Validation, client_of, named_id};
use crate::openapi::{Conflict, Failures, Forbidden, JsonBody, Missing, Unauthenticated};

/// What is to be different: one thing at a time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct UserChange {
    /// `user` or `admin`. The account's sessions end.
    #[schema(example = "admin")]
    role: Option<String>,
    /// Whether it can be used. Disabling ends its sessions and stops its turns.
    #[schema(example = false)]
    is_active: Option<bool>,
    /// A new password. The account's sessions end.
    #[schema(format = Password)]
    password: Option<String>,
}

enum Change {
    Role(Role),
    Activity(bool),
    Password(SecretString),
}

/// Change an account
///
/// The caller's password must have been given within the last five minutes. The last administrator stays one.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{id}",
    operation_id = "changeUser",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Whose")),
    request_body = UserChange,
    responses(
        (status = 204, description = "Changed"),
        Unauthenticated,
        Forbidden,
        JsonBody,
        Missing,
        Conflict,
        Failures,
    )
)]
pub(crate) async fn change(
    caller: Caller<ManageUsers>,
    administration: Data<AdministrationService>,
    request: HttpRequest,
    path: Path<String>,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let id: UserId = named_id(&path)?;
    let by = Administrator::of(&caller.0, client_of(&request));
    match body.json::<UserChange>().await?.into_change()? {
        Change::Role(role) => administration.set_role(&by, id, role).await?,
        Change::Activity(is_active) => administration.set_active(&by, id, is_active).await?,
        Change::Password(password) => administration.reset_password(&by, id, password).await?,
    }
    Ok(HttpResponse::NoContent().finish())
}

impl UserChange {
    fn into_change(self) -> Result<Change, ApiError> {
        let mut validation = Validation::default();
        let role = validation.optional("/role", self.role.map(|role| role.parse()));
        match (role, self.is_active, self.password) {
            (Ok(Some(role)), None, None) => return Ok(Change::Role(role)),
            (Ok(None), Some(is_active), None) => return Ok(Change::Activity(is_active)),
            (Ok(None), None, Some(password)) => return Ok(Change::Password(password.into())),
            (Ok(_), _, _) => drop(validation.refuse("", "must have one of role, is_active and password")),
            (Err(_), _, _) => {}
        }
        Err(validation.into_error())
    }
}
