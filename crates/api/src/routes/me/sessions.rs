use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use domain::page::Order;
use domain::session::SessionService;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dto::{List, Session};
use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Caller, ListQuery, client_of, named_id};
use crate::openapi::{Failures, Forbidden, InvalidQuery, ListParameters, Missing, Unauthenticated};

/// The caller's sessions
///
/// Those that can be used, by the time they were opened, the newest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/me/sessions",
    operation_id = "listMySessions",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(ListParameters),
    responses(
        (status = 200, description = "A page", body = List<Session>),
        Unauthenticated,
        Forbidden,
        InvalidQuery,
        Failures,
    )
)]
pub(crate) async fn list(
    caller: Caller<ManageAccount>,
    sessions: Data<SessionService>,
    query: ListQuery,
) -> Result<Json<List<Session>>, ApiError> {
    let page = sessions.list(&caller.0, query.page(Order::Descending)?).await?;
    let current = caller.0.session_id();
    Ok(Json(List::of(page, |session| session.id.as_uuid(), |session| Session::new(session, current))))
}

/// End one of the caller's sessions
#[utoipa::path(
    delete,
    path = "/api/v1/me/sessions/{id}",
    operation_id = "endMySession",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which session")),
    responses((status = 204, description = "It has ended"), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn end(
    caller: Caller<ManageAccount>,
    sessions: Data<SessionService>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    if sessions.end(&caller.0, named_id(&path)?, client_of(&request)).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::not_found())
    }
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndedSessions {
    #[schema(example = 2)]
    pub(crate) ended: usize,
}

/// End all of the caller's other sessions
#[utoipa::path(
    delete,
    path = "/api/v1/me/sessions",
    operation_id = "endMyOtherSessions",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    responses((status = 200, description = "They have ended", body = EndedSessions), Unauthenticated, Forbidden, Failures)
)]
pub(crate) async fn end_others(
    caller: Caller<ManageAccount>,
    sessions: Data<SessionService>,
    request: HttpRequest,
) -> Result<Json<EndedSessions>, ApiError> {
    let ended = sessions.end_others(&caller.0, client_of(&request)).await?;
    Ok(Json(EndedSessions { ended }))
}
