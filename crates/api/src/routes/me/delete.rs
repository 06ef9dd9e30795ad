use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use domain::erasure::{Erased, Erasure, ErasureService};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::permission::ManageAccount;
use crate::extract::{Caller, client_of};
use crate::openapi::{Conflict, Failures, Forbidden, Unauthenticated};

/// What became of an account.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deletion {
    /// How much of what belonged to it is gone.
    deleted: Deleted,
    /// Whether that is all of it. If not, the rest follows by itself: the account cannot be used any more either way.
    #[schema(example = true)]
    complete: bool,
}

/// What is gone, counted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deleted {
    #[schema(example = 12)]
    conversations: u64,
    #[schema(example = 340)]
    turns: u64,
    #[schema(example = 3)]
    sessions: u64,
    #[schema(example = 1)]
    api_keys: u64,
    #[schema(example = 0)]
    exports: u64,
}

/// Delete the caller's account
///
/// With everything that belongs to it: conversations, turns, sessions, keys, exports. Turns that run are stopped. The
/// password must have been given within the last five minutes: `POST /api/v1/me/reauth`. What stays are entries of the
/// audit log, which know the account by its bare id. There is no way back.
#[utoipa::path(
    delete,
    path = "/api/v1/me",
    operation_id = "deleteMe",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    responses(
        (status = 200, description = "It is gone", body = Deletion),
        Unauthenticated,
        Forbidden,
        Conflict,
        Failures,
    )
)]
pub(crate) async fn delete(
    caller: Caller<ManageAccount>,
    erasure: Data<ErasureService>,
    request: HttpRequest,
) -> Result<Json<Deletion>, ApiError> {
    let Erasure { erased, is_complete } = erasure.erase(&caller.0, client_of(&request)).await?;
    Ok(Json(Deletion { deleted: erased.into(), complete: is_complete }))
}

impl From<Erased> for Deleted {
    fn from(erased: Erased) -> Self {
        let Erased { conversations, turns, sessions, api_keys, exports } = erased;
        Self { conversations, turns, sessions, api_keys, exports }
    }
}
