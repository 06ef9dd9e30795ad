use actix_web::body::SizedStream;
use actix_web::http::header::{CONTENT_DISPOSITION, LOCATION};
use actix_web::web::{Bytes, Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use domain::export::{Download, ExportService};
use domain::id::ExportId;
use domain::page::Order;
use futures_util::TryStreamExt as _;

use crate::dto::{Export, List};
use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Caller, ListQuery, client_of, named_id};
use crate::openapi::{Conflict, Failures, Forbidden, InvalidQuery, ListParameters, Missing, Unauthenticated};
use crate::services::ApiSettings;

/// Ask for everything that is stored about the caller
///
/// It is written in the background; `Location` says where its progress can be read. While one is written no second one
/// is begun: the one that is written is answered. A new one takes the place of the last, and is kept for a day.
#[utoipa::path(
    post,
    path = "/api/v1/me/export",
    operation_id = "exportMe",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    responses(
        (
            status = 202,
            description = "It is being written",
            body = Export,
            headers(("Location" = String, description = "Where its progress can be read"))
        ),
        Unauthenticated,
        Forbidden,
        Failures,
    )
)]
pub(crate) async fn start(
    caller: Caller<ManageAccount>,
    exports: Data<ExportService>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    settings.take_new_work()?;
    let export = exports.start(&caller.0, client_of(&request)).await?;
    let location = format!("/api/v1/me/exports/{}", export.id);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, location)).json(Export::from(export)))
}

/// The caller's exports
///
/// Those that are kept, by the time they were asked for, the newest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/me/exports",
    operation_id = "listMyExports",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(ListParameters),
    responses(
        (status = 200, description = "A page", body = List<Export>),
        Unauthenticated,
        Forbidden,
        InvalidQuery,
        Failures,
    )
)]
pub(crate) async fn list(
    caller: Caller<ManageAccount>,
    exports: Data<ExportService>,
    query: ListQuery,
) -> Result<Json<List<Export>>, ApiError> {
    let page = exports.list(&caller.0, query.page(Order::Descending)?).await?;
    Ok(Json(List::new(page, |export| export.id.as_uuid())))
}

/// One of the caller's exports
#[utoipa::path(
    get,
    path = "/api/v1/me/exports/{id}",
    operation_id = "getMyExport",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which export")),
    responses((status = 200, description = "How far it is", body = Export), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn find(
    caller: Caller<ManageAccount>,
    exports: Data<ExportService>,
    path: Path<String>,
) -> Result<Json<Export>, ApiError> {
    let export = exports.find(&caller.0, named_id(&path)?).await?;
    Ok(Json(export.ok_or_else(ApiError::not_found)?.into()))
}

/// Download one of the caller's exports
///
/// A JSON object: `account`, `sessions`, `api_keys`, `conversations`, `turns`, `usage` and `audit_events`, also what has ended,
/// expired or was put away. No hash and no secret is in it.
#[utoipa::path(
    get,
    path = "/api/v1/me/exports/{id}/download",
    operation_id = "downloadMyExport",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which export")),
    responses(
        (status = 200, description = "The document", body = serde_json::Value, content_type = "application/json"),
        Unauthenticated,
        Forbidden,
        Missing,
        Conflict,
        Failures,
    )
)]
pub(crate) async fn download(
    caller: Caller<ManageAccount>,
    exports: Data<ExportService>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id: ExportId = named_id(&path)?;
    let Download { created_at, size_bytes, content } = exports.download(&caller.0, id).await?;
    let name = format!("attachment; filename=\"colloquy-export-{}.json\"", created_at.format("%Y-%m-%d"));
    let content = content.map_ok(Bytes::from);
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CONTENT_DISPOSITION, name))
        .body(SizedStream::new(size_bytes, content)))
}
