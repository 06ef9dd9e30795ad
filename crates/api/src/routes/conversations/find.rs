use actix_web::web::{Data, Json, Path};
use domain::conversation::ConversationService;

use crate::dto::Conversation;
use crate::error::ApiError;
use crate::extract::permission::ReadConversations;
use crate::extract::{Caller, named_id};
use crate::openapi::{Failures, Forbidden, Missing, Unauthenticated};

/// One of the caller's conversations
#[utoipa::path(
    get,
    path = "/api/v1/conversations/{id}",
    operation_id = "getConversation",
    tag = "conversations",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which conversation")),
    responses((status = 200, description = "The conversation", body = Conversation), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn find(
    caller: Caller<ReadConversations>,
    conversations: Data<ConversationService>,
    path: Path<String>,
) -> Result<Json<Conversation>, ApiError> {
    let conversation = conversations.conversation(&caller.0, named_id(&path)?).await?;
    Ok(Json(conversation.ok_or_else(ApiError::not_found)?.into()))
}
