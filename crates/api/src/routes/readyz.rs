use actix_web::web::{Data, Json};
use domain::health::StoreHealth;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::openapi::NotReady;
use crate::services::ApiSettings;

#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    #[schema(example = "ready")]
    status: &'static str,
}

/// Whether requests should be sent here
///
/// Not while the store cannot be reached or has another schema, and not while the server is being stopped.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    tag = "operations",
    responses((status = 200, description = "Ready", body = Readiness), NotReady)
)]
pub(crate) async fn readyz(
    store: Data<dyn StoreHealth>,
    settings: Data<ApiSettings>,
) -> Result<Json<Readiness>, ApiError> {
    if settings.is_draining() {
        return Err(ApiError::draining());
    }
    // Whatever is wrong with the store, the answer to this question is 503.
    store.check().await.map_err(|error| ApiError::store_unavailable().because(error))?;
    Ok(Json(Readiness { status: "ready" }))
}
