use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use super::{PastTurn, Sampling};
use crate::conversation::{Failure, ModelName, Part, SystemPrompt, Usage};
use crate::id::{ConversationId, TurnId, UserId};

/// A model that an engine offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedModel {
    /// Its name.
    pub name: ModelName,
    /// Who serves it, as shown to users: `openai`, `builtin`.
    pub provider: String,
}

/// What an engine is asked.
#[derive(Clone, Debug)]
pub struct EngineRequest {
    /// The turn that is answered; engines may pass it on for tracing.
    pub turn_id: TurnId,
    /// Where it is said.
    pub conversation_id: ConversationId,
    /// Who asks.
    pub user_id: UserId,
    /// One of [`ChatEngine::models`], or none for the engine's default.
    pub model: Option<ModelName>,
    /// What the model is told before anything else.
    pub system: Option<SystemPrompt>,
    /// Earlier turns, oldest first.
    pub context: Vec<PastTurn>,
    /// The question.
    pub question: String,
    /// How the model shall choose its words, and how many it may use.
    pub sampling: Sampling,
}

impl EngineRequest {
    /// An estimate of everything the engine is given, in tokens.
    pub fn estimated_tokens(&self) -> u32 {
        let system = self.system.as_ref().map_or(0, |system| crate::text::estimated_tokens(system.as_str()));
        let context = self.context.iter().map(|turn| turn.tokens);
        context.fold(system.saturating_add(crate::text::estimated_tokens(&self.question)), u32::saturating_add)
    }
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It had said what it had to say.
    Stop,
    /// It reached the most tokens it may make.
    Length,
    /// Its provider cut it off.
    ContentFilter,
}

/// What an engine's stream yields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineEvent {
    /// The model that answers, where the engine knows better than the request.
    Model(ModelName),
    /// It works, but has nothing to tell yet: a model that reasons before it answers.
    Progress,
    /// The next piece of text; never empty.
    Text(String),
    /// A whole part that is more than text.
    Part(Part),
    /// What the answer cost, as far as the model counts it; a later one replaces an earlier one.
    Usage(Usage),
    /// Why the model stopped. A stream that ends without it was cut off.
    Finish(FinishReason),
}

/// What kind of failure an engine had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// It cannot be reached, or says that it has too much to do.
    Unavailable,
    /// It fell silent.
    Timeout,
    /// It refused the request, or answered with something that is no answer.
    BadResponse,
}

impl EngineEvent {
    /// Whether a reader sees something of it: from then on the answer cannot be begun again.
    pub const fn is_output(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Part(_))
    }
}

impl EngineErrorKind {
    /// What the failure means for a turn that has no output.
    pub const fn failure(self) -> Failure {
        match self {
            Self::Unavailable => Failure::EngineUnavailable,
            Self::Timeout => Failure::EngineTimeout,
            Self::BadResponse => Failure::EngineError,
        }
    }
}

/// A failure of an engine.
#[derive(Debug)]
pub struct EngineError {
    /// Its kind.
    pub kind: EngineErrorKind,
    /// When it may be tried again, if the engine said so.
    pub retry_after: Option<Duration>,
    source: Box<dyn Error + Send + Sync>,
}

impl EngineError {
    /// A failure of that kind. The source is for the log; clients never see it.
    pub fn new(kind: EngineErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, retry_after: None, source: source.into() }
    }

    /// The same, with the time that the engine asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.failure(), self.source)
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

/// An answer while it is being made. Dropping it stops the engine.
pub type EngineStream = BoxStream<'static, Result<EngineEvent, EngineError>>;

/// Port: whatever answers questions. A language model, a rule table, an analytics engine.
///
/// An implementation MUST end its stream after the first error, MUST NOT yield text after
/// [`EngineEvent::Finish`], and MUST yield [`EngineEvent::Progress`] while a model works in silence: whoever asks
/// takes one that yields nothing for dead. Its first [`EngineEvent::Model`] comes before any text.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ChatEngine: Send + Sync {
    /// What it offers; the first is the default. Never empty.
    fn models(&self) -> Vec<OfferedModel>;

    /// Starts an answer.
    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError>;
}

impl dyn ChatEngine {
    /// Whether it offers that model.
    pub fn offers(&self, model: &ModelName) -> bool {
        self.models().iter().any(|offered| offered.name == *model)
    }
}
