use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::ApiSettings;

#[derive(Serialize, ToSchema)]
pub(crate) struct Index {
    #[schema(example = "colloquy")]
    name: &'static str,
    #[schema(example = "/docs/")]
    docs: &'static str,
    #[schema(example = "/openapi.json")]
    openapi: &'static str,
}

/// Where to go from here
#[utoipa::path(
    get,
    path = "/",
    operation_id = "getIndex",
    tag = "operations",
    responses((status = 200, description = "Where the documentation is", body = Index))
)]
pub(crate) async fn index(settings: Data<ApiSettings>) -> Json<Index> {
    Json(Index { name: settings.version.name, docs: "/docs/", openapi: "/openapi.json" })
}
