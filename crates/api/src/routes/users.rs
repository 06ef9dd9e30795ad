use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::audit::Origin;
use domain::user::{NewAccount, RegistrationService};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::dto::User;
use crate::error::{ApiError, ErrorCode};
use crate::extract::{Body, client_of};
use crate::openapi::{Closed, Conflict, Failures, JsonBody, RateLimited};

/// Who wants an account. A role cannot be chosen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct Registration {
    /// 1 to 64 ASCII letters, digits or any of `. _ - @ +`. Nobody else may have it, in whatever case.
    #[schema(example = "ada")]
    username: String,
    /// Nobody else may have it.
    #[schema(example = "ada@example.org")]
    email: String,
    /// At least 8 characters, at most 1,024 bytes, and not one that everybody tries first.
    #[schema(format = Password, example = "correct horse battery staple")]
    password: String,
}

/// Register
///
/// Makes an account. A server can be configured to refuse this.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    operation_id = "register",
    tag = "accounts",
    request_body = Registration,
    responses((status = 201, description = "Registered", body = User), JsonBody, Closed, Conflict, RateLimited, Failures)
)]
pub(crate) async fn register(
    registration: Data<Option<RegistrationService>>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, ApiError> {
    let Some(registration) = &**registration else {
        return Err(ApiError::new(ErrorCode::RegistrationClosed, "Accounts are made by this server's operators."));
    };
    let Registration { username, email, password } = body.json().await?;
    let account = NewAccount { username, email, password: password.into() };
    let user = registration.sign_up(account, &Origin::unknown(client_of(&request))).await?;
    Ok(HttpResponse::Created().json(User::from(user)))
}
