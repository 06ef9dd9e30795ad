use actix_web::web::{Data, Json};
use domain::conversation::ConversationService;
use domain::page::Order;

use crate::dto::{Conversation, List};
use crate::error::ApiError;
use crate::extract::permission::ReadConversations;
use crate::extract::{Caller, ListQuery};
use crate::openapi::{Failures, Forbidden, InvalidQuery, ListParameters, Unauthenticated};

/// The caller's conversations
///
/// Those that are not archived, by their last activity, the newest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/conversations",
    operation_id = "listConversations",
    tag = "conversations",
    security(("token" = []), ("login" = [])),
    params(ListParameters),
    responses((status = 200, description = "A page", body = List<Conversation>), Unauthenticated, Forbidden, InvalidQuery, Failures)
)]
pub(crate) async fn list(
    caller: Caller<ReadConversations>,
    conversations: Data<ConversationService>,
    query: ListQuery,
) -> Result<Json<List<Conversation>>, ApiError> {
    let page = conversations.conversations(&caller.0, query.page(Order::Descending)?).await?;
    Ok(Json(List::new(page, |conversation| conversation.id.as_uuid())))
}
