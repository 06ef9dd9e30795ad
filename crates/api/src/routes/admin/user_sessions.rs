use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path};
use domain::page::Order;
use domain::user::{AdministrationService, Administrator};

use crate::dto::{List, Session};
use crate::error::ApiError;
use crate::extract::permission::{ManageUsers, ReadUsers};
use crate::extract::{Caller, ListQuery, client_of, named_id};
use crate::openapi::{Failures, Forbidden, InvalidQuery, ListParameters, Missing, Unauthenticated};
use crate::routes::me::sessions::EndedSessions;

/// Somebody's sessions
///
/// Those that can be used, the newest first unless told otherwise. That they were read is written to the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{id}/sessions",
    operation_id = "listUserSessions",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Whose"), ListParameters),
    responses(
        (status = 200, description = "A page", body = List<Session>),
        Unauthenticated,
        Forbidden,
        InvalidQuery,
        Missing,
        Failures,
    )
)]
pub(crate) async fn list(
    caller: Caller<ReadUsers>,
    administration: Data<AdministrationService>,
    request: HttpRequest,
    path: Path<String>,
    query: ListQuery,
) -> Result<Json<List<Session>>, ApiError> {
    let id = named_id(&path)?;
    let by = Administrator::of(&caller.0, client_of(&request));
    let page = administration.sessions(&by, id, query.page(Order::Descending)?).await?;
    let current = caller.0.session_id();
    Ok(Json(List::of(page, |session| session.id.as_uuid(), |session| Session::new(session, current))))
}

/// End all of somebody's sessions
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{id}/sessions",
    operation_id = "endUserSessions",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Whose")),
    responses(
        (status = 200, description = "They have ended", body = EndedSessions),
        Unauthenticated,
        Forbidden,
        Missing,
        Failures,
    )
)]
pub(crate) async fn end(
    caller: Caller<ManageUsers>,
    administration: Data<AdministrationService>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<Json<EndedSessions>, ApiError> {
    let by = Administrator::of(&caller.0, client_of(&request));
    let ended = administration.end_sessions(&by, named_id(&path)?).await?;
    Ok(Json(EndedSessions { ended }))
}
