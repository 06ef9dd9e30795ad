use std::error::Error as _;

use actix_web::web::Data;
use domain::access::{Permission, Principal};
use domain::chat::{
    AcceptError, Ask, AskError, ChatService, Position, Read, ReadingService, RunningTurn, Started, TurnEvents,
};
use domain::id::TurnId;
use futures_util::StreamExt as _;
use futures_util::future::ready;
use futures_util::stream::{self, LocalBoxStream, SelectAll, once};

use super::frame::{self, Refused, Request};
use crate::error::{ApiError, ErrorCode};
use crate::events::Event;
use crate::services::ApiSettings;

/// The most turns that one socket asks for or reads at once.
const MOST_AT_ONCE: usize = 32;

/// The most text of one frame, in bytes. What actix-ws keeps for a client that does not read is counted in frames: 32 that
/// wait, and as many that are being written.
const MOST_TEXT: usize = 512;

/// The turns of one socket, all read along at once. What comes of a request is a stream of frames, like the rest.
pub(super) struct Turns {
    caller: Principal,
    chat: Data<ChatService>,
    reading: Data<ReadingService>,
    settings: Data<ApiSettings>,
    frames: SelectAll<LocalBoxStream<'static, String>>,
    refused_in_a_row: usize,
}

impl Turns {
    pub(super) fn new(
        caller: Principal,
        chat: Data<ChatService>,
        reading: Data<ReadingService>,
        settings: Data<ApiSettings>,
    ) -> Self {
        Self { caller, chat, reading, settings, frames: SelectAll::new(), refused_in_a_row: 0 }
    }

    /// The next frame to send; `None` as long as nothing is asked for.
    pub(super) async fn next(&mut self) -> Option<String> {
        self.frames.next().await
    }

    /// Whether anything is asked for or read.
    pub(super) fn is_idle(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether the client goes on asking although it is told that it is too much.
    pub(super) const fn is_too_much(&self) -> bool {
        self.refused_in_a_row > MOST_AT_ONCE
    }

    /// Takes what the client wants.
    pub(super) fn take(&mut self, text: &str) {
        let frames = match Request::parse(text) {
            Err(refused) => only(frame::error(&refused)),
            Ok(Request::Ping) => only(frame::pong()),
            // Whoever may only read got as far as this.
            Ok(Request::Create(_) | Request::Cancel(_)) if !self.caller.may(Permission::WriteConversations) => {
                only(refusal(ApiError::forbidden(), None))
            }
            // One that has as many turns as it may can still stop them.
            Ok(Request::Cancel(turn)) if self.frames.len() < 2 * MOST_AT_ONCE => self.cancel(turn),
            Ok(Request::Create(_) | Request::Resume { .. } | Request::Cancel(_))
                if self.frames.len() >= MOST_AT_ONCE =>
            {
                self.refused_in_a_row += 1;
                let detail = format!("A socket has at most {MOST_AT_ONCE} turns at once. Wait until one has ended.");
                only(refusal(ApiError::new(ErrorCode::TooManyStreams, detail).retry_after(1), None))
            }
            Ok(Request::Cancel(turn)) => self.cancel(turn),
            Ok(Request::Create(ask)) => self.create(*ask),
            Ok(Request::Resume { turn, from }) => self.resume(turn, from),
        };
        if self.frames.len() < MOST_AT_ONCE {
            self.refused_in_a_row = 0;
        }
        self.frames.push(frames);
    }

    fn create(&self, ask: Ask) -> LocalBoxStream<'static, String> {
        let key = ask.idempotency.as_ref().map(|claim| claim.key.as_str().to_owned());
        if let Err(error) = self.settings.take_new_work() {
            return only(refusal(error, key));
        }
        let (caller, chat, reading) = (self.caller.clone(), self.chat.clone(), self.reading.clone());
        let asked = async move {
            match chat.start(&caller, ask).await {
                Ok(Started::Running(RunningTurn { turn_id, conversation_id, reader })) => {
                    let created = Event::created(turn_id, conversation_id, caller.session_id());
                    told(turn_id, Some(created), reader.events(Position::START), key.as_deref())
                }
                Ok(Started::Replayed(turn)) => match reading.events_of(*turn, Position::START).await {
                    Ok(read) => told_from(read, true, key.as_deref()),
                    Err(error) => only(refusal(error.into(), key)),
                },
                Err(AskError::Refused(AcceptError::InProgress { running })) => {
                    read(&reading, &caller, running, None, key).await
                }
                Err(error) => only(refusal(error.into(), key)),
            }
        };
        once(asked).flatten().boxed_local()
    }

    fn resume(&self, turn: TurnId, from: Option<Position>) -> LocalBoxStream<'static, String> {
        let (caller, reading) = (self.caller.clone(), self.reading.clone());
        once(async move { read(&reading, &caller, turn, from, None).await }).flatten().boxed_local()
    }

    /// What comes of it is told by the turn itself, to whoever reads it; only what cannot be is told here.
    fn cancel(&self, turn: TurnId) -> LocalBoxStream<'static, String> {
        let (caller, reading) = (self.caller.clone(), self.reading.clone());
        let cancelled = async move {
            match reading.cancel(&caller, turn).await {
                Ok(Some(_)) => None,
                Ok(None) => Some(refusal(ApiError::not_found().with_turn(turn), None)),
                Err(error) => Some(refusal(ApiError::from(error).with_turn(turn), None)),
            }
        };
        once(cancelled).filter_map(ready).boxed_local()
    }
}

async fn read(
    reading: &ReadingService,
    caller: &Principal,
    turn: TurnId,
    from: Option<Position>,
    key: Option<String>,
) -> LocalBoxStream<'static, String> {
    match reading.read(caller, turn, from.unwrap_or(Position::START)).await {
        Ok(Some(read)) => told_from(read, from.is_none(), key.as_deref()),
        Ok(None) => only(refusal(ApiError::not_found().with_turn(turn), key)),
        Err(error) => only(refusal(ApiError::from(error).with_turn(turn), key)),
    }
}

fn told_from(
    Read { turn, events }: Read,
    is_from_the_start: bool,
    key: Option<&str>,
) -> LocalBoxStream<'static, String> {
    let created = is_from_the_start.then(|| Event::of_turn(&turn));
    told(turn.id, created, events, key)
}

fn told(
    turn: TurnId,
    created: Option<Event>,
    events: TurnEvents,
    key: Option<&str>,
) -> LocalBoxStream<'static, String> {
    let created = created.map(|event| frame::event(turn, &event, key));
    let events = events.flat_map(|event| stream::iter(Event::of(event)));
    let events = events.flat_map(|event| stream::iter(event.split(MOST_TEXT)));
    let events = events.map(move |event| frame::event(turn, &event, None));
    stream::iter(created).chain(events).boxed_local()
}

fn only(frame: String) -> LocalBoxStream<'static, String> {
    once(ready(frame)).boxed_local()
}

/// The reason behind an error goes to the log, once, as with any other request.
fn refusal(error: ApiError, key: Option<String>) -> String {
    if let Some(source) = error.source() {
        tracing::error!(code = error.code().as_str(), error = %source, "a frame could not be served");
    }
    frame::error(&Refused::new(error, key))
}
