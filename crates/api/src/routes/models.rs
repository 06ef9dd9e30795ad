use actix_web::web::{Data, Json};
use domain::usage::UsageService;

use crate::dto::Models;
use crate::extract::Caller;
use crate::extract::permission::ReadConversations;
use crate::openapi::{Failures, Forbidden, Unauthenticated};

/// The models that may be asked for
///
/// What the server's engine offers, with the prices that the server's operators give.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    operation_id = "listModels",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    responses((status = 200, description = "All of them", body = Models), Unauthenticated, Forbidden, Failures)
)]
pub(crate) async fn models(_: Caller<ReadConversations>, usage: Data<UsageService>) -> Json<Models> {
    Json(usage.models().into())
}
