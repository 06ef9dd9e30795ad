use actix_web::web::{Data, Json, Path};
use domain::conversation::ConversationService;
use domain::page::Order;

use crate::dto::{List, Turn};
use crate::error::ApiError;
use crate::extract::permission::ReadConversations;
use crate::extract::{Caller, ListQuery, named_id};
use crate::openapi::{Failures, Forbidden, InvalidQuery, ListParameters, Missing, Unauthenticated};

/// The turns of one of the caller's conversations
///
/// By their place in the conversation, the oldest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/conversations/{id}/turns",
    operation_id = "listTurns",
    tag = "conversations",
    security(("token" = []), ("login" = [])),
    params(("id" = uuid::Uuid, Path, description = "Which conversation"), ListParameters),
    responses(
        (status = 200, description = "A page", body = List<Turn>),
        Unauthenticated,
        Forbidden,
        Missing,
        InvalidQuery,
        Failures,
    )
)]
pub(crate) async fn turns(
    caller: Caller<ReadConversations>,
    conversations: Data<ConversationService>,
    path: Path<String>,
    query: ListQuery,
) -> Result<Json<List<Turn>>, ApiError> {
    let conversation = named_id(&path)?;
    let page = conversations.turns(&caller.0, conversation, query.page(Order::Ascending)?).await?;
    Ok(Json(List::new(page, |turn| turn.id.as_uuid())))
}
