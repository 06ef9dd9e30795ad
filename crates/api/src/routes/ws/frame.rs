use domain::chat::{
    Ask, Fingerprint, IdempotencyClaim, IdempotencyKey, InvalidIdempotencyKey, OnBusy, OnDisconnect, Position,
};
use domain::conversation::{ModelName, Question};
use domain::id::{ConversationId, TurnId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::ApiError;
use crate::events::{Event, EventBody, EventError};
use crate::extract::{Validation, on_busy, on_disconnect, parse_json};

/// What a client sends, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Written {
    r#type: String,
    input: Option<String>,
    conversation_id: Option<String>,
    model: Option<String>,
    on_busy: Option<String>,
    on_disconnect: Option<String>,
    idempotency_key: Option<String>,
    turn_id: Option<String>,
    starting_after: Option<String>,
}

/// What a client wants.
pub(super) enum Request {
    Create(Box<Ask>),
    Resume { turn: TurnId, from: Option<Position> },
    Cancel(TurnId),
    Ping,
}

impl Request {
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let written: Written = parse_json(text.as_bytes())?;
        let key = written.idempotency_key.clone();
        let parsed = match written.r#type.as_str() {
            "turn.create" => written.create(text),
            "turn.resume" => written.resume(),
            "turn.cancel" => written.cancel(),
            "ping" => written.only("ping", &[]).map(|_| Self::Ping),
            _ => {
                let mut validation = Validation::default();
                validation.refuse("/type", "must be turn.create, turn.resume, turn.cancel or ping");
                Err(validation.into_error())
            }
        };
        parsed.map_err(|error| Refused::new(error, key))
    }
}

impl Written {
    /// Refuses members that the type does not have.
    fn only(&self, of: &str, allowed: &[&str]) -> Result<Validation, ApiError> {
        let mut validation = Validation::default();
        let members = [
            ("input", self.input.is_some()),
            ("conversation_id", self.conversation_id.is_some()),
            ("model", self.model.is_some()),
            ("on_busy", self.on_busy.is_some()),
            ("on_disconnect", self.on_disconnect.is_some()),
            ("idempotency_key", self.idempotency_key.is_some()),
            ("turn_id", self.turn_id.is_some()),
            ("starting_after", self.starting_after.is_some()),
        ];
        for (name, _) in members.iter().filter(|(name, is_there)| *is_there && !allowed.contains(name)) {
            validation.refuse(&format!("/{name}"), format_args!("is not a known field of {of}"));
        }
        if validation.has_errors() { Err(validation.into_error()) } else { Ok(validation) }
    }

    fn create(self, text: &str) -> Result<Request, ApiError> {
        let allowed = ["input", "conversation_id", "model", "on_busy", "on_disconnect", "idempotency_key"];
        let mut validation = self.only("turn.create", &allowed)?;
        let question = match self.input {
            Some(input) => validation.field("/input", Question::try_from(input)),
            None => Err(validation.refuse("/input", "is required")),
        };
        let conversation = validation.optional("/conversation_id", self.conversation_id.map(|id| id.parse()));
        let model = validation.optional("/model", self.model.map(ModelName::try_from));
        let busy = validation.field("/on_busy", on_busy(self.on_busy.as_deref()));
        let disconnect = validation.field("/on_disconnect", on_disconnect(self.on_disconnect.as_deref()));
        let key: Result<Option<IdempotencyKey>, _> = validation.optional::<_, InvalidIdempotencyKey>(
            "/idempotency_key",
            self.idempotency_key.map(IdempotencyKey::try_from),
        );
        let fields = (question, conversation, model, busy, disconnect, key);
        let (Ok(question), Ok(conversation), Ok(model), Ok(on_busy), Ok(on_disconnect), Ok(key)) = fields else {
            return Err(validation.into_error());
        };
        let idempotency = key.map(|key| IdempotencyClaim { key, fingerprint: fingerprint(text) });
        let (conversation, on_busy, on_disconnect): (Option<ConversationId>, OnBusy, OnDisconnect) =
            (conversation, on_busy, on_disconnect);
        let ask = Ask { conversation, model, on_busy, on_disconnect, idempotency, ..Ask::new(question) };
        Ok(Request::Create(Box::new(ask)))
    }

    fn resume(self) -> Result<Request, ApiError> {
        let mut validation = self.only("turn.resume", &["turn_id", "starting_after"])?;
        let turn = turn_id(&mut validation, self.turn_id.as_deref());
        let from = validation.optional("/starting_after", self.starting_after.map(|position| position.parse()));
        match (turn, from) {
            (Some(turn), Ok(from)) => Ok(Request::Resume { turn, from }),
            _ => Err(validation.into_error()),
        }
    }

    fn cancel(self) -> Result<Request, ApiError> {
        let mut validation = self.only("turn.cancel", &["turn_id"])?;
        let turn = turn_id(&mut validation, self.turn_id.as_deref());
        turn.map(Request::Cancel).ok_or_else(|| validation.into_error())
    }
}

fn turn_id(validation: &mut Validation, text: Option<&str>) -> Option<TurnId> {
    let Some(text) = text else {
        validation.refuse("/turn_id", "is required");
        return None;
    };
    validation.field("/turn_id", text.parse()).ok()
}

/// A frame is its own request: sent again to the letter, it is the same one.
fn fingerprint(text: &str) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update("WebSocket\0/api/v1/ws\0");
    hash.update(text);
    Fingerprint(hash.finalize().into())
}

/// A frame that was not done, and what its sender calls it.
pub(super) struct Refused {
    error: Box<ApiError>,
    idempotency_key: Option<String>,
}

impl Refused {
    pub(super) fn new(error: ApiError, idempotency_key: Option<String>) -> Self {
        Self { error: Box::new(error), idempotency_key }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::new(error, None)
    }
}

/// What a server sends.
#[derive(Serialize)]
struct Sent<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(flatten)]
    body: Option<&'a EventBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<EventError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

impl Sent<'_> {
    const fn of(r#type: &'static str) -> Self {
        Self { r#type, turn_id: None, id: None, body: None, status: None, error: None, idempotency_key: None }
    }

    fn text(&self) -> String {
        // Every member has a JSON form, so that there is nothing to fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

pub(super) fn pong() -> String {
    Sent::of("pong").text()
}

pub(super) fn event(turn: TurnId, event: &Event, idempotency_key: Option<&str>) -> String {
    let names_turn = matches!(event.body, EventBody::Created(_) | EventBody::Ended(_));
    Sent {
        turn_id: (!names_turn).then(|| turn.as_uuid()),
        id: event.id.map(|position| position.to_string()),
        body: Some(&event.body),
        idempotency_key,
        ..Sent::of(event.name)
    }
    .text()
}

pub(super) fn error(Refused { error, idempotency_key }: &Refused) -> String {
    Sent {
        turn_id: error.turn_id().map(TurnId::as_uuid),
        status: Some(error.code().status().as_u16()),
        error: Some(error.to_event()),
        idempotency_key: idempotency_key.as_deref(),
        ..Sent::of("error")
    }
    .text()
}
