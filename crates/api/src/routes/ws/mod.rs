//! `GET /api/v1/ws`: asking and reading over a WebSocket (RFC 6455), several turns at once.

mod frame;
mod socket;
mod turns;

use actix_web::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use domain::chat::{ChatService, ReadingService};
use domain::session::CredentialWatch;
use tracing::Instrument as _;

use self::socket::Socket;
use self::turns::Turns;
use crate::error::{ApiError, ErrorCode};
use crate::extract::permission::ReadConversations;
use crate::extract::{SUBPROTOCOL, SocketCaller};
use crate::openapi::{Failures, Forbidden, Unauthenticated};
use crate::routes::asking::credential_ended;
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
        Forbidden,
        Failures,
    )
)]
pub(crate) async fn connect(
    caller: SocketCaller<ReadConversations>,
    chat: Data<ChatService>,
    reading: Data<ReadingService>,
    watch: Data<dyn CredentialWatch>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    settings.take_new_work()?;
    let (mut response, session, messages) = actix_ws::handle(&request, payload).map_err(|_| {
        ApiError::new(ErrorCode::InvalidRequest, "This path is for WebSockets: ask for one (RFC 6455 §4.1).")
    })?;
    if offers_subprotocol(&request) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    let session_ended = credential_ended(&caller.0, &watch);
    let limit = settings.max_body_bytes;
    let messages = messages.max_frame_size(limit).aggregate_continuations().max_continuation_size(limit);
    let socket = Socket::new(session, settings.clone());
    let turns = Turns::new(caller.0, chat, reading, settings);
    rt::spawn(socket.serve(messages, turns, session_ended).in_current_span());
    Ok(response)
}

/// Whether the client names the subprotocol; to name one that was not offered would end the connection.
fn offers_subprotocol(request: &HttpRequest) -> bool {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|name| name.trim() == SUBPROTOCOL)
}
