//! `GET /api/v1/ws`: asking and reading over a WebSocket (RFC 6455), several turns at once.

mod frame;
mod socket;
mod turns;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use domain::chat::{ChatService, ReadingService};
use domain::session::SessionWatch;
use tracing::Instrument as _;

use self::socket::Socket;
use self::turns::Turns;
use crate::error::{ApiError, ErrorCode};
use crate::extract::Caller;
use crate::openapi::{Failures, Unauthenticated};
use crate::routes::asking::session_ended;
use crate::services::ApiSettings;

/// Open a WebSocket
///
/// Frames are JSON texts. The client sends `turn.create {input, conversation_id?, model?, on_busy?, on_disconnect?,
/// idempotency_key?}`, `turn.resume {turn_id, starting_after?}`, `turn.cancel {turn_id}` and `ping`; the server sends the
/// events of `GET /api/v1/turns/{id}/events` with `type`, `turn_id` and `id`, `pong`, and `error {status, error}`. It
/// closes with 4401 when the session has ended, 4429 after too much, 1001 when the server stops, 1003 after a binary
/// message, 1007 after a text that is not UTF-8, and 1009 after a message that is too big.
#[utoipa::path(
    get,
    path = "/api/v1/ws",
    operation_id = "openWebSocket",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    responses(
        (status = 101, description = "The connection is a WebSocket from now on"),
        (
            status = 400,
            description = "`invalid_request`: no WebSocket was asked for",
            body = crate::error::Problem,
            content_type = "application/problem+json"
        ),
        Unauthenticated,
        Failures,
    )
)]
pub(crate) async fn connect(
    caller: Caller,
    chat: Data<ChatService>,
    reading: Data<ReadingService>,
    sessions: Data<dyn SessionWatch>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    settings.take_new_work()?;
    let (response, session, messages) = actix_ws::handle(&request, payload).map_err(|_| {
        ApiError::new(ErrorCode::InvalidRequest, "This path is for WebSockets: ask for one (RFC 6455 §4.1).")
    })?;
    let session_ended = session_ended(&caller.0, &sessions);
    let limit = settings.max_body_bytes;
    let messages = messages.max_frame_size(limit).aggregate_continuations().max_continuation_size(limit);
    let socket = Socket::new(session, settings.clone());
    let turns = Turns::new(caller.0, chat, reading, settings);
    rt::spawn(socket.serve(messages, turns, session_ended).in_current_span());
    Ok(response)
}
