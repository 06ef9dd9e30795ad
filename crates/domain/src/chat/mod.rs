//! The request that defines Colloquy: a question, its context, an engine, an answer, all of it stored.

mod context;
mod engine;
mod generation;
mod inline;
mod journal;
mod lease;
mod plan;
mod reading;
mod runner;
mod sampling;
mod service;
mod transcript;

pub use context::{ContextBudget, PastTurn, select_context};
pub use engine::{
    ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, FinishReason, OfferedModel,
};
pub use generation::{Generation, Outcome, StreamEnd};
pub use inline::InlineRunner;
pub use journal::{
    AcceptError, Acceptance, AcceptedTurn, ConversationChoice, Fingerprint, FinishedTurn, IdempotencyClaim,
    IdempotencyKey, InvalidIdempotencyKey, NewTurn, Settlement, TurnJournal,
};
pub use lease::{Beat, Cancellation, Course, Followed, Following, News, ReplicaLease};
pub use plan::{OnBusy, OnDisconnect, TurnPlan};
pub use reading::{Read, ReadError, ReadingService};
pub use runner::{
    Finished, LiveTurns, RunningTurn, Started, TurnEvent, TurnEventKind, TurnEvents, TurnReader, TurnRunner,
};
pub use sampling::{InvalidOutputTokens, InvalidTemperature, OutputTokens, Sampling, Temperature};
pub use service::{Answered, Ask, AskError, ChatPolicy, ChatService};
pub use transcript::{InvalidPosition, Piece, PieceContent, Position, Told, Transcript};

#[cfg(feature = "mock")]
pub use {
    engine::MockChatEngine,
    journal::MockTurnJournal,
    lease::MockReplicaLease,
    runner::{MockLiveTurns, MockTurnRunner},
};
