use std::collections::VecDeque;
use std::time::Duration;

use actix_web::http::header::ACCEPT;
use actix_web::rt::time::{Instant, Interval, interval_at};
use actix_web::web::Bytes;
use actix_web::{Error, HttpRequest, HttpResponse};
use domain::chat::TurnEvents;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt, stream};

use super::Event;

/// How often a reader is shown that the connection lives.
const PING: Duration = Duration::from_secs(15);

/// Whether the client asked for events by the media type (RFC 9110 §12.5.1).
pub(crate) fn wants_events(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_events = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("text/event-stream"));
        is_events && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// A turn read along over server-sent events (HTML Living Standard §9.2), until the turn or the session ends.
///
/// Nothing is prepared before the connection can take it: a reader that is slow gets more at once, later.
pub(crate) struct EventStream {
    waiting: VecDeque<Event>,
    events: TurnEvents,
    session_ended: BoxFuture<'static, ()>,
    pings: Interval,
    is_over: bool,
}

impl EventStream {
    /// What is sent: `first`, and then the events.
    pub(crate) fn new(first: Option<Event>, events: TurnEvents, session_ended: BoxFuture<'static, ()>) -> Self {
        let pings = interval_at(Instant::now() + PING, PING);
        Self { waiting: first.into_iter().collect(), events, session_ended, pings, is_over: false }
    }

    /// The response, of which each event is one write.
    pub(crate) fn respond(self, is_replayed: bool) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.content_type("text/event-stream").insert_header(("X-Accel-Buffering", "no"));
        if is_replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        response.streaming(stream::unfold(self, Self::next))
    }

    async fn next(mut self) -> Option<(Result<Bytes, Error>, Self)> {
        loop {
            // Who is behind is told as well, and no more of the turn.
            if !self.is_over && (&mut self.session_ended).now_or_never().is_some() {
                self.end_session();
            }
            if let Some(event) = self.waiting.pop_front() {
                return Some((event.to_sse().map(Bytes::from).map_err(Error::from), self));
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(event) => self.waiting.extend(Event::of(event)),
                    None => self.is_over = true,
                },
                () = &mut self.session_ended => self.end_session(),
                _ = self.pings.tick() => return Some((Ok(Bytes::from_static(b": ping\n\n")), self)),
            }
        }
    }

    fn end_session(&mut self) {
        self.is_over = true;
        self.waiting.clear();
        self.waiting.push_back(Event::session_ended());
    }
}

impl Event {
    fn to_sse(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut written = format!("event: {}\n", self.name).into_bytes();
        if let Some(id) = self.id {
            written.extend_from_slice(format!("id: {id}\n").as_bytes());
        }
        written.extend_from_slice(b"data: ");
        // JSON has no line breaks of its own, so that one line of data is enough.
        serde_json::to_writer(&mut written, &self.body)?;
        written.extend_from_slice(b"\n\n");
        Ok(written)
    }
}
