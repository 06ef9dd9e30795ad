use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path};
use domain::page::Order;
use domain::user::{AdministrationService, Administrator, UserFilter};

use crate::dto::{List, User};
use crate::error::ApiError;
use crate::extract::permission::ReadUsers;
use crate::extract::{Caller, ListQuery, client_of, named_id};
use crate::openapi::{Failures, Forbidden, InvalidQuery, ListParameters, Missing, Unauthenticated};

/// The most bytes of what is searched for.
const MAX_SEARCH: usize = 254;

/// Accounts
///
/// By the time they were made, the newest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    operation_id = "listUsers",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    params(
        ListParameters,
        ("q" = Option<String>, Query, description = "Those whose name or address has this in it, in whatever case"),
        ("role" = Option<String>, Query, description = "Those with that role: `user` or `admin`"),
        ("is_active" = Option<bool>, Query, description = "Those that can be used, or those that cannot"),
    ),
    responses(
        (status = 200, description = "A page", body = List<User>),
        Unauthenticated,
        Forbidden,
        InvalidQuery,
        Failures,
    )
)]
pub(crate) async fn list(
    _caller: Caller<ReadUsers>,
    administration: Data<AdministrationService>,
    query: ListQuery,
) -> Result<Json<List<User>>, ApiError> {
    let mut filter = UserFilter::default();
    let page = query.page_and(Order::Descending, |name, value| {
        Some(match name {
            "q" if value.is_empty() || value.len() > MAX_SEARCH || value.contains('\0') => {
                Err(format!("must have 1 to {MAX_SEARCH} bytes, without U+0000"))
            }
            "q" => {
                filter.text = Some(value.to_owned());
                Ok(())
            }
            "role" => value.parse().map(|role| filter.role = Some(role)).map_err(|error| error.to_string()),
            "is_active" => match value.parse() {
                Ok(is_active) => {
                    filter.is_active = Some(is_active);
                    Ok(())
                }
                Err(_) => Err("must be true or false".to_owned()),
            },
            _ => return None,
        })
    })?;
    let users = administration.list(filter, page).await?;
    Ok(Json(List::new(users, |user| user.id.as_uuid())))
}

/// An account
///
/// That it was read is written to the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{id}",
    operation_id = "getUser",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Whose")),
    responses((status = 200, description = "The account", body = User), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn find(
    caller: Caller<ReadUsers>,
    administration: Data<AdministrationService>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<Json<User>, ApiError> {
    let by = Administrator::of(&caller.0, client_of(&request));
    let user = administration.read(&by, named_id(&path)?).await?;
    Ok(Json(user.ok_or_else(ApiError::not_found)?.into()))
}
