use actix_web::http::Method;
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use domain::chat::{Position, Read, ReadingService};
use domain::session::CredentialWatch;

use crate::error::{ApiError, ErrorCode};
use crate::events::{Event, EventBody, EventStream};
use crate::extract::permission::ReadConversations;
use crate::extract::{Caller, Validation, named_id};
use crate::openapi::{Failures, Forbidden, InvalidQuery, Missing, RateLimited, Unauthenticated};
use crate::routes::asking::credential_ended;

/// Read a turn along
///
/// Server-sent events: `turn.created` (from the start only), `turn.delta`, `turn.part`, `turn.usage`, then one of
/// `turn.completed`, `turn.incomplete`, `turn.cancelled` and `turn.failed`. The `id` of each is the position after it;
/// sent back as `Last-Event-ID` or `starting_after`, on any replica, it goes on from there without a gap or a repeat. A
/// stream that ends without one of the last four was cut off and can be gone on with; `session.ended` says that the
/// reader's session is over.
#[utoipa::path(
    get,
    path = "/api/v1/turns/{id}/events",
    operation_id = "readTurn",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "Which turn"),
        ("starting_after" = Option<String>, Query, description = "The position to go on from; it beats `Last-Event-ID`"),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was received"),
    ),
    responses(
        (status = 200, description = "The events", body = EventBody, content_type = "text/event-stream"),
        (
            status = 400,
            description = "`invalid_request`: `Last-Event-ID` is no position",
            body = crate::error::Problem,
            content_type = "application/problem+json"
        ),
        Unauthenticated,
        Forbidden,
        Missing,
        InvalidQuery,
        RateLimited,
        Failures,
    )
)]
pub(crate) async fn events(
    caller: Caller<ReadConversations>,
    reading: Data<ReadingService>,
    sessions: Data<dyn CredentialWatch>,
    request: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = named_id(&path)?;
    let from = match starting_after(request.query_string())? {
        Some(position) => Some(position),
        None => last_event_id(&request)?,
    };
    let read = reading.read(&caller.0, id, from.unwrap_or(Position::START)).await?;
    let Read { turn, events } = read.ok_or_else(ApiError::not_found)?;
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().content_type("text/event-stream").finish());
    }
    let created = from.is_none().then(|| Event::of_turn(&turn));
    Ok(EventStream::new(created, events, credential_ended(&caller.0, &sessions)).respond(false))
}

fn starting_after(query: &str) -> Result<Option<Position>, ApiError> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "The query is not well-formed."))?;
    let mut validation = Validation::default();
    let mut position = None;
    for (name, value) in pairs.into_inner() {
        let pointer = format!("/{name}");
        match name.as_str() {
            "starting_after" if position.is_none() => position = validation.field(&pointer, value.parse()).ok(),
            "starting_after" => drop(validation.refuse(&pointer, "is given more than once")),
            _ => drop(validation.refuse(&pointer, "is not a known parameter")),
        }
    }
    if validation.has_errors() { Err(validation.into_error()) } else { Ok(position) }
}

/// A browser sends the header by itself when it connects again; empty is as good as not sent.
fn last_event_id(request: &HttpRequest) -> Result<Option<Position>, ApiError> {
    let Some(header) = request.headers().get("Last-Event-ID").filter(|id| !id.is_empty()) else { return Ok(None) };
    let position = header.to_str().ok().and_then(|id| id.parse().ok());
    let detail = "The header Last-Event-ID must be the id of an event of this turn.";
    position.map(Some).ok_or_else(|| ApiError::new(ErrorCode::InvalidRequest, detail))
}
