use actix_web::web::{Data, Json, Path};
use domain::conversation::ConversationService;

use crate::dto::Turn;
use crate::error::ApiError;
use crate::extract::permission::ReadConversations;
use crate::extract::{Caller, named_id};
use crate::openapi::{Failures, Forbidden, Missing, Unauthenticated};

/// One of the caller's turns
///
/// While it runs, with the text that has been stored so far.
#[utoipa::path(
    get,
    path = "/api/v1/turns/{id}",
    operation_id = "getTurn",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which turn")),
    responses((status = 200, description = "The turn", body = Turn), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn find(
    caller: Caller<ReadConversations>,
    conversations: Data<ConversationService>,
    path: Path<String>,
) -> Result<Json<Turn>, ApiError> {
    let turn = conversations.turn(&caller.0, named_id(&path)?).await?;
    Ok(Json(turn.ok_or_else(ApiError::not_found)?.into()))
}
