use std::sync::Arc;
use std::time::Duration;

use super::{
    AcceptError, ChatEngine, ContextBudget, ConversationChoice, Finished, IdempotencyClaim, NewTurn, OnBusy,
    OnDisconnect, RunningTurn, Sampling, Started, TurnPlan, TurnRunner,
};
use crate::Unexpected;
use crate::access::Principal;
use crate::clock::Clock;
use crate::conversation::{Failure, Metadata, ModelName, Question, TimeToLive, Turn, TurnState};
use crate::id::{ConversationId, IdGenerator, ReplicaId, TurnId};
use crate::throttle::{Throttled, TooManyStreams, TurnLimits};
use crate::usage::{Quota, QuotaError};

/// A question, as its asker puts it.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is asked.
    pub question: Question,
    /// Where; without it the current conversation goes on.
    pub conversation: Option<ConversationId>,
    /// The model that shall answer; without it the conversation's, else the engine's default.
    pub model: Option<ModelName>,
    /// The asker's notes.
    pub metadata: Metadata,
    /// How the answer shall be made.
    pub sampling: Sampling,
    /// What becomes of another turn that runs there.
    pub on_busy: OnBusy,
    /// What becomes of the turn when nobody reads along any more.
    pub on_disconnect: OnDisconnect,
    /// The client's key for the request.
    pub idempotency: Option<IdempotencyClaim>,
}

impl Ask {
    /// The question, in the current conversation, and nothing else said.
    pub fn new(question: Question) -> Self {
        Self {
            question,
            conversation: None,
            model: None,
            metadata: Metadata::default(),
            sampling: Sampling::default(),
            on_busy: OnBusy::default(),
            on_disconnect: OnDisconnect::default(),
            idempotency: None,
        }
    }
}

/// An answer that has been stored.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The turn; never running, never failed.
    pub turn: Turn,
    /// Whether it is the answer to an earlier request of the same key.
    pub replayed: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No engine offers that model.
    #[error("there is no such model")]
    UnknownModel,
    /// Without a session a conversation must be named.
    #[error("a conversation must be named")]
    ConversationRequired,
    /// The asker has had what may be had for now. Nothing was stored.
    #[error("the quota is used up")]
    QuotaExceeded {
        /// When there is more.
        retry_after: Duration,
    },
    /// The user asked too much in too short a time.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The user has as many answers made or read at once as one may.
    #[error(transparent)]
    TooManyStreams(#[from] TooManyStreams),
    /// The question was not accepted; see there.
    #[error(transparent)]
    Refused(#[from] AcceptError),
    /// The engine gave nothing. The question is stored as failed, and its key may be used again.
    #[error("turn {turn_id} failed: {failure}")]
    EngineFailed {
        /// The turn.
        turn_id: TurnId,
        /// Why.
        failure: Failure,
        /// When to try again, if the engine said so.
        retry_after: Option<Duration>,
    },
    /// A port failed after the question was accepted. The turn goes on: how it ends can be read later.
    #[error("turn {turn_id} could not be followed: {source}")]
    Unsettled {
        /// The turn.
        turn_id: TurnId,
        /// Why.
        source: Unexpected,
    },
}

/// What applies to every question.
#[derive(Clone, Copy, Debug)]
pub struct ChatPolicy {
    /// This process.
    pub replica: ReplicaId,
    /// How much of a conversation an engine is told.
    pub budget: ContextBudget,
    /// How long turns are kept where their conversation says nothing.
    pub default_ttl: TimeToLive,
}

/// Use case: asking a question.
#[derive(Clone)]
pub struct ChatService {
    runner: Arc<dyn TurnRunner>,
    engine: Arc<dyn ChatEngine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    policy: ChatPolicy,
    quota: Option<Arc<dyn Quota>>,
    limits: TurnLimits,
}

impl ChatService {
    /// The use case over these ports. `engine` is asked only what it offers; `runner` asks it the rest.
    pub fn new(
        runner: Arc<dyn TurnRunner>,
        engine: Arc<dyn ChatEngine>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        policy: ChatPolicy,
    ) -> Self {
        Self { runner, engine, clock, ids, policy, quota: None, limits: TurnLimits::none() }
    }

    /// The same, where users may ask so much and no more.
    #[must_use]
    pub fn limited_by(mut self, limits: TurnLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, where nobody has more than that. Without it there is no limit.
    #[must_use]
    pub fn with_quota(mut self, quota: Arc<dyn Quota>) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Stores the question, has it answered, stores the answer and returns it.
    ///
    /// Once the question is accepted the answer is made and stored whether the caller waits for it or not.
    pub async fn ask(&self, caller: &Principal, ask: Ask) -> Result<Answered, AskError> {
        match self.start(caller, ask).await? {
            Started::Replayed(turn) => answered(Finished { turn: *turn, retry_after: None }, true),
            Started::Running(RunningTurn { turn_id, reader, .. }) => {
                let finished = reader.finished().await.map_err(|source| AskError::Unsettled { turn_id, source })?;
                answered(finished, false)
            }
        }
    }

    /// Stores the question and has it answered; whoever wants to reads the answer along.
    ///
    /// A question counts when it is admitted, whatever comes of it: one that was asked before under the same key takes
    /// the store a look-up as well.
    pub async fn start(&self, caller: &Principal, ask: Ask) -> Result<Started, AskError> {
        let offered: Vec<ModelName> = self.engine.models().into_iter().map(|model| model.name).collect();
        if ask.model.as_ref().is_some_and(|model| !offered.contains(model)) {
            return Err(AskError::UnknownModel);
        }
        let conversation = match ask.conversation {
            Some(id) => ConversationChoice::Existing(id),
            None if caller.session_id().is_none() => return Err(AskError::ConversationRequired),
            None => ConversationChoice::Current { or_new: ConversationId::generate(&*self.ids) },
        };
        let permit = self.limits.stream(caller.user_id).await?;
        if let Some(quota) = &self.quota {
            quota.check(caller.user_id).await?;
        }
        self.limits.question(caller.user_id).await?;
        let turn = NewTurn {
            id: TurnId::generate(&*self.ids),
            user_id: caller.user_id,
            session_id: caller.session_id(),
            conversation,
            question: ask.question,
            model: ask.model,
            metadata: ask.metadata,
            replica: self.policy.replica,
            entry_time: self.clock.now(),
            default_ttl: self.policy.default_ttl,
            budget: self.policy.budget,
            idempotency: ask.idempotency,
        };
        let plan = TurnPlan {
            turn,
            offered,
            sampling: ask.sampling,
            on_busy: ask.on_busy,
            on_disconnect: ask.on_disconnect,
            permit: permit.clone(),
        };
        Ok(match self.runner.start(plan).await? {
            Started::Running(running) => Started::Running(running.under(permit)),
            replayed @ Started::Replayed(_) => replayed,
        })
    }
}

impl From<QuotaError> for AskError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exceeded { retry_after } => Self::QuotaExceeded { retry_after },
            QuotaError::Unexpected(source) => Self::Refused(source.into()),
        }
    }
}

/// Whoever the turn was first made for: one that failed is no answer.
fn answered(Finished { turn, retry_after }: Finished, replayed: bool) -> Result<Answered, AskError> {
    match turn.state {
        TurnState::Failed(failure) => Err(AskError::EngineFailed { turn_id: turn.id, failure, retry_after }),
        _ => Ok(Answered { turn, replayed }),
    }
}
