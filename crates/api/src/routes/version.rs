use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::services::ApiSettings;

#[derive(Serialize, ToSchema)]
pub(crate) struct Build {
    #[schema(example = "colloquy")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The commit that it was built from, where that is known.
    commit: Option<&'static str>,
}

/// Which build this is
#[utoipa::path(
    get,
    path = "/version",
    operation_id = "getVersion",
    tag = "operations",
    responses((status = 200, description = "The build", body = Build))
)]
pub(crate) async fn version(settings: Data<ApiSettings>) -> Json<Build> {
    let build = settings.version;
    Json(Build { name: build.name, version: build.version, commit: build.commit })
}
