//! The request that defines Colloquy: a question, its context, an engine, an answer, all of it stored.

mod context;
mod engine;
mod generation;
mod inline;
mod journal;
mod lease;
mod plan;
mod runner;
mod sampling;
mod service;

pub use context::{ContextBudget, PastTurn, select_context};
pub use engine::{
    ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, FinishReason, OfferedModel,
};
pub use generation::{Generation, Outcome, StreamEnd};
pub use inline::InlineRunner;
pub use journal::{
    AcceptError, Acceptance, AcceptedTurn, ConversationChoice, Fingerprint, FinishedTurn, IdempotencyClaim,
    IdempotencyKey, InvalidIdempotencyKey, NewTurn, Piece, Settlement, TurnJournal,
};
pub use lease::ReplicaLease;
pub use plan::{OnBusy, OnDisconnect, TurnPlan};
pub use runner::{Finished, RunningTurn, Started, TurnRunner};
pub use sampling::{InvalidOutputTokens, InvalidTemperature, OutputTokens, Sampling, Temperature};
pub use service::{Answered, Ask, AskError, ChatPolicy, ChatService};

#[cfg(feature = "mock")]
pub use {engine::MockChatEngine, journal::MockTurnJournal, lease::MockReplicaLease, runner::MockTurnRunner};
