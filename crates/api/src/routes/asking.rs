use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use domain::access::Principal;
use domain::chat::{
    AcceptError, Ask, AskError, ChatService, IdempotencyClaim, Position, Read, ReadingService, RunningTurn, Started,
};
use domain::conversation::{ConversationService, Turn};
use domain::id::TurnId;
use domain::session::CredentialWatch;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use tracing::Span;

use crate::dto;
use crate::error::ApiError;
use crate::events::{Event, EventStream, wants_events};
use crate::extract::{Body, MediaType, idempotency_claim, parse_json, registered};
use crate::services::ApiSettings;

/// How the asker wants to have the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// All of it at once, when it is there.
    Whole,
    /// As it comes.
    Stream,
    /// Not at all: it will be read later.
    Background,
}

/// What asking takes, whichever endpoint one asks at.
pub(crate) struct Asking {
    chat: Data<ChatService>,
    reading: Data<ReadingService>,
    conversations: Data<ConversationService>,
    watch: Data<dyn CredentialWatch>,
    settings: Data<ApiSettings>,
    request: HttpRequest,
}

impl FromRequest for Asking {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let asking = || {
            Ok(Self {
                chat: registered::<ChatService>(request)?.clone(),
                reading: registered::<ReadingService>(request)?.clone(),
                conversations: registered::<ConversationService>(request)?.clone(),
                watch: registered::<dyn CredentialWatch>(request)?.clone(),
                settings: registered::<ApiSettings>(request)?.clone(),
                request: request.clone(),
            })
        };
        ready(asking())
    }
}

impl Asking {
    /// What is asked, and what the client calls the request. A server that is being stopped does not even read it.
    pub(crate) async fn receive<T: DeserializeOwned>(
        &self,
        body: Body,
    ) -> Result<(T, Option<IdempotencyClaim>), ApiError> {
        self.settings.take_new_work()?;
        let bytes = body.read(MediaType::Json).await?;
        // The body may have taken its time, and nobody waits for a turn that begins late.
        self.settings.take_new_work()?;
        let idempotency = idempotency_claim(&self.request, &bytes)?;
        Ok((parse_json(&bytes)?, idempotency))
    }

    /// How the answer is wanted if `stream` in the body is that.
    pub(crate) fn delivery(&self, stream: Option<bool>) -> Delivery {
        if stream.unwrap_or_else(|| wants_events(&self.request)) { Delivery::Stream } else { Delivery::Whole }
    }

    /// Asks, and responds as the asker wants it; `whole` makes the response of an answer that is there.
    ///
    /// The same request that is still being answered is 409, except where it can be joined: a stream is read along, and
    /// in the background the turn is told.
    pub(crate) async fn respond(
        &self,
        caller: &Principal,
        ask: Ask,
        delivery: Delivery,
        whole: fn(Turn, bool) -> HttpResponse,
    ) -> Result<HttpResponse, ApiError> {
        match delivery {
            Delivery::Whole => {
                let answered = self.chat.ask(caller, ask).await?;
                Span::current().record("turn_id", tracing::field::display(answered.turn.id));
                Ok(whole(answered.turn, answered.replayed))
            }
            Delivery::Stream => self.stream(caller, ask).await,
            Delivery::Background => self.leave(caller, ask).await,
        }
    }

    async fn stream(&self, caller: &Principal, ask: Ask) -> Result<HttpResponse, ApiError> {
        match self.chat.start(caller, ask).await {
            Ok(Started::Running(RunningTurn { turn_id, conversation_id, reader })) => {
                Span::current().record("turn_id", tracing::field::display(turn_id));
                let created = Event::created(turn_id, conversation_id, caller.session_id());
                let events = EventStream::new(
                    Some(created),
                    reader.events(Position::START),
                    credential_ended(caller, &self.watch),
                );
                Ok(events.respond(false))
            }
            Ok(Started::Replayed(turn)) => {
                Ok(self.read_from_the_start(caller, self.reading.events_of(*turn, Position::START).await?))
            }
            Err(AskError::Refused(AcceptError::InProgress { running })) => {
                let read = self.reading.read(caller, running, Position::START).await?;
                Ok(self.read_from_the_start(caller, read.ok_or_else(ApiError::not_found)?))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read_from_the_start(&self, caller: &Principal, Read { turn, events }: Read) -> HttpResponse {
        let created = Event::of_turn(&turn);
        EventStream::new(Some(created), events, credential_ended(caller, &self.watch)).respond(true)
    }

    async fn leave(&self, caller: &Principal, ask: Ask) -> Result<HttpResponse, ApiError> {
        let (turn_id, is_replayed) = match self.chat.start(caller, ask).await {
            Ok(Started::Running(running)) => (running.turn_id, false),
            Ok(Started::Replayed(turn)) => (turn.id, true),
            Err(AskError::Refused(AcceptError::InProgress { running })) => (running, true),
            Err(error) => return Err(error.into()),
        };
        Span::current().record("turn_id", tracing::field::display(turn_id));
        let turn = self.conversations.turn(caller, turn_id).await?.ok_or_else(ApiError::not_found)?;
        let mut response = HttpResponse::Accepted();
        response.insert_header((LOCATION, path_of(turn_id)));
        if is_replayed {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        Ok(response.json(dto::Turn::from(turn)))
    }
}

/// Resolves when the caller's session or key is over.
pub(crate) fn credential_ended(caller: &Principal, watch: &Data<dyn CredentialWatch>) -> BoxFuture<'static, ()> {
    watch.ended(caller.credential_id())
}

/// Where a turn is read.
pub(crate) fn path_of(turn: TurnId) -> String {
    format!("/api/v1/turns/{turn}")
}
