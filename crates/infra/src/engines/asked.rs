//! What the engines are asked for in their tests.

use domain::chat::{EngineRequest, Sampling};
use domain::conversation::ModelName;
use domain::id::{ConversationId, TurnId, UserId};
use uuid::Uuid;

pub(super) fn model(name: &str) -> ModelName {
    ModelName::try_from(name.to_owned()).unwrap()
}

pub(super) fn request() -> EngineRequest {
    EngineRequest {
        turn_id: TurnId::from_uuid(Uuid::nil()),
        conversation_id: ConversationId::from_uuid(Uuid::nil()),
        user_id: UserId::from_uuid(Uuid::nil()),
        model: None,
        system: None,
        context: Vec::new(),
        question: "Why?".to_owned(),
        sampling: Sampling::default(),
    }
}
