use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::session::TicketService;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::Caller;
use crate::extract::permission::ReadConversations;
use crate::openapi::{Failures, Forbidden, Unauthenticated};

/// A ticket for one WebSocket.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ticket<'a> {
    /// Goes, after `ticket.`, among the subprotocols: `new WebSocket(url, ["colloquy", "ticket." + ticket])`.
    ticket: &'a str,
    /// How many seconds it can be used.
    #[schema(example = 30)]
    expires_in: u64,
}

/// Get a ticket for a WebSocket
///
/// For browsers, which can send no `Authorization` with one. It stands for the caller's session or key, once.
#[utoipa::path(
    post,
    path = "/api/v1/ws-tickets",
    operation_id = "createWebSocketTicket",
    tag = "chat",
    security(("token" = []), ("login" = [])),
    responses((status = 201, description = "The ticket", body = Ticket), Unauthenticated, Forbidden, Failures)
)]
pub(crate) async fn create(
    caller: Caller<ReadConversations>,
    tickets: Data<TicketService>,
) -> Result<HttpResponse, ApiError> {
    let domain::session::Ticket { ticket, expires_in } = tickets.issue(&caller.0).await?;
    Ok(HttpResponse::Created().json(Ticket { ticket: ticket.expose_secret(), expires_in: expires_in.as_secs() }))
}
