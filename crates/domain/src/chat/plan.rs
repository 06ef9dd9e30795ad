use chrono::{DateTime, Utc};

use super::{AcceptedTurn, EngineRequest, Generation, NewTurn, PastTurn, Sampling, select_context};
use crate::conversation::ModelName;
use crate::throttle::StreamPermit;

/// A question, and how it shall be answered: what a [`super::TurnRunner`] is given.
#[derive(Clone, Debug)]
pub struct TurnPlan {
    /// The question.
    pub turn: NewTurn,
    /// What the engine offers.
    pub offered: Vec<ModelName>,
    /// How the answer shall be made.
    pub sampling: Sampling,
    /// What becomes of another turn that runs in the conversation.
    pub on_busy: OnBusy,
    /// What becomes of this one when nobody reads along any more.
    pub on_disconnect: OnDisconnect,
    /// The asker's place among the answers that are made at once. A runner MUST hold it until the engine has said its
    /// last word, and let go of it before the asker is told the end, who may ask again at once.
    pub permit: StreamPermit,
}

/// What a question does that finds its conversation busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// It is refused.
    #[default]
    Reject,
    /// It cancels the turn that runs, and takes its place.
    Interrupt,
}

/// What a turn does whose last reader has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It goes on: the answer can be read later.
    #[default]
    Continue,
    /// It is cancelled.
    Cancel,
}

impl TurnPlan {
    /// What the engine is asked, and the empty answer to fill. `accepted`'s context is used up.
    ///
    /// A conversation may outlive its model; then the engine's default answers.
    pub fn begin(&self, accepted: &mut AcceptedTurn, now: DateTime<Utc>) -> (EngineRequest, Generation) {
        let context: Vec<PastTurn> = select_context(std::mem::take(&mut accepted.context), self.turn.budget, now);
        let kept = accepted.conversation_model.take().filter(|model| self.offered.contains(model));
        let request = EngineRequest {
            turn_id: self.turn.id,
            conversation_id: accepted.conversation_id,
            user_id: self.turn.user_id,
            model: self.turn.model.clone().or(kept),
            system: accepted.system.take(),
            context,
            question: self.turn.question.as_str().to_owned(),
            sampling: self.sampling,
        };
        let generation = Generation::new(self.turn.id, request.model.clone(), request.estimated_tokens());
        (request, generation)
    }
}
