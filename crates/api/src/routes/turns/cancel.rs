use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use domain::chat::ReadingService;
use domain::conversation::ConversationService;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::ApiError;
use crate::extract::permission::WriteConversations;
use crate::extract::{Caller, named_id};
use crate::openapi::{Failures, Forbidden, Missing, Unauthenticated};

/// What became of the wish.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cancelled {
    turn_id: Uuid,
    /// How the turn stands: `running` until it has stopped, which takes less than two seconds; else how it ended.
    #[schema(example = "running")]
    status: &'static str,
}

/// Stop a turn
///
/// The engine is stopped, on whichever replica the turn runs, and what there is of the answer is kept. A turn that has
/// ended is left as it is; asking twice changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/turns/{id}/cancel",
    operation_id = "cancelTurn",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    params(("id" = Uuid, Path, description = "Which turn")),
    responses((status = 202, description = "It will stop", body = Cancelled), Unauthenticated, Forbidden, Missing, Failures)
)]
pub(crate) async fn cancel(
    caller: Caller<WriteConversations>,
    reading: Data<ReadingService>,
    conversations: Data<ConversationService>,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = named_id(&path)?;
    reading.cancel(&caller.0, id).await?.ok_or_else(ApiError::not_found)?;
    let turn = conversations.turn(&caller.0, id).await?.ok_or_else(ApiError::not_found)?;
    Ok(HttpResponse::Accepted().json(Cancelled { turn_id: turn.id.as_uuid(), status: turn.state.as_str() }))
}
