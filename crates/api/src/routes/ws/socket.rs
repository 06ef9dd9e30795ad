use std::io;
use std::time::Duration;

use actix_web::rt::time::{Instant, interval_at, timeout};
use actix_web::web::Data;
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError, Session};
use futures_util::future::BoxFuture;

use super::turns::Turns;
use crate::services::ApiSettings;

/// How often the client is asked whether it is still there.
const PING: Duration = Duration::from_secs(15);
/// A client that has been silent for so long has gone.
const SILENCE: Duration = Duration::from_secs(45);

/// One connection.
pub(super) struct Socket {
    session: Session,
    settings: Data<ApiSettings>,
}

/// How a connection comes to its end.
enum End {
    /// With a close frame that says why.
    With(CloseReason),
    /// The client has gone, or takes nothing any more.
    Without,
}

impl Socket {
    pub(super) const fn new(session: Session, settings: Data<ApiSettings>) -> Self {
        Self { session, settings }
    }

    /// Serves the client until it, its session or the server goes. Turns go on, whoever goes.
    pub(super) async fn serve(
        mut self,
        messages: AggregatedMessageStream,
        turns: Turns,
        session_ended: BoxFuture<'static, ()>,
    ) {
        if let End::With(reason) = self.talk(messages, turns, session_ended).await {
            let (stall, session) = (self.settings.stall, self.session);
            // A client that does not take even this has gone.
            drop(timeout(stall, session.close(Some(reason))).await);
        }
    }

    async fn talk(
        &mut self,
        mut messages: AggregatedMessageStream,
        mut turns: Turns,
        mut session_ended: BoxFuture<'static, ()>,
    ) -> End {
        let mut draining = self.settings.draining.clone();
        let mut pings = interval_at(Instant::now() + PING, PING);
        let mut heard = Instant::now();
        loop {
            let is_draining = *draining.borrow_and_update();
            if is_draining && turns.is_idle() {
                return End::With(closed(CloseCode::Away, "the server is stopping"));
            }
            tokio::select! {
                () = &mut session_ended => return End::With(closed(CloseCode::Other(4401), "the session has ended")),
                message = messages.recv() => {
                    heard = Instant::now();
                    if let Some(end) = self.hear(message, &mut turns).await {
                        return end;
                    }
                }
                frame = turns.next(), if !turns.is_idle() => {
                    if let Some(frame) = frame && !self.send(frame).await {
                        return End::Without;
                    }
                }
                _ = pings.tick() => {
                    if heard.elapsed() > SILENCE || self.session.ping(b"").await.is_err() {
                        return End::Without;
                    }
                }
                // Whether it has begun to stop is looked at above; a server that is gone will not tell.
                _ = draining.changed(), if !is_draining => {}
            }
        }
    }

    async fn hear(
        &mut self,
        message: Option<Result<AggregatedMessage, ProtocolError>>,
        turns: &mut Turns,
    ) -> Option<End> {
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => {
                turns.take(&text);
                turns.is_too_much().then(|| End::With(closed(CloseCode::Other(4429), "too much at once")))
            }
            Some(Ok(AggregatedMessage::Binary(_))) => {
                Some(End::With(closed(CloseCode::Unsupported, "frames are JSON texts")))
            }
            Some(Ok(AggregatedMessage::Ping(payload))) => {
                self.session.pong(&payload).await.is_err().then_some(End::Without)
            }
            Some(Ok(AggregatedMessage::Pong(_))) => None,
            Some(Ok(AggregatedMessage::Close(_))) => Some(End::With(closed(CloseCode::Normal, ""))),
            Some(Err(error)) if is_overflow(&error) => {
                Some(End::With(closed(CloseCode::Size, "the message is too big")))
            }
            Some(Err(ProtocolError::Io(error))) if error.kind() == io::ErrorKind::InvalidData => {
                Some(End::With(closed(CloseCode::Invalid, "the text is not UTF-8")))
            }
            Some(Err(ProtocolError::Io(_))) | None => Some(End::Without),
            Some(Err(_)) => Some(End::With(closed(CloseCode::Protocol, "that is no WebSocket message"))),
        }
    }

    /// Whether the client took it. One that takes nothing for too long is let go: it can go on reading elsewhere.
    async fn send(&mut self, frame: String) -> bool {
        matches!(timeout(self.settings.stall, self.session.text(frame)).await, Ok(Ok(())))
    }
}

/// One frame that is too big is an error of its own; of pieces that are too many together actix-ws makes one of input,
/// which no socket gives.
fn is_overflow(error: &ProtocolError) -> bool {
    match error {
        ProtocolError::Overflow => true,
        ProtocolError::Io(error) => error.kind() == io::ErrorKind::Other,
        _ => false,
    }
}

fn closed(code: CloseCode, description: &str) -> CloseReason {
    CloseReason { code, description: Some(description.to_owned()).filter(|text| !text.is_empty()) }
}
