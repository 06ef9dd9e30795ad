use chrono::{DateTime, Utc};

use super::{AcceptedTurn, EngineRequest, Generation, NewTurn, PastTurn, select_context};
use crate::conversation::ModelName;

/// A question, and how it shall be answered: what a [`super::TurnRunner`] is given.
#[derive(Clone, Debug)]
pub struct TurnPlan {
    /// The question.
    pub turn: NewTurn,
    /// What the engine offers.
    pub offered: Vec<ModelName>,
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
        };
        let generation = Generation::new(self.turn.id, request.model.clone(), request.estimated_tokens());
        (request, generation)
    }
}
