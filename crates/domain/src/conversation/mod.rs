//! Conversations, their turns, and reading them. How a turn comes to be is told in [`crate::chat`].

mod model;
mod part;
mod repository;
mod service;
mod turn;

pub use model::{
    Conversation, InvalidMetadata, InvalidTimeToLive, Metadata, ModelName, NewConversation, SystemPrompt, TimeToLive,
    Title,
};
pub use part::Part;
pub use repository::{ConversationRepository, TurnRepository};
pub use service::{ConversationDraft, ConversationService, CreateError};
pub use turn::{Answer, Failure, IncompleteReason, Question, Turn, TurnKind, TurnState, UnknownName, Usage};

#[cfg(feature = "mock")]
pub use repository::{MockConversationRepository, MockTurnRepository};
