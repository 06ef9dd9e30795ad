use std::sync::Arc;

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use futures_util::{StreamExt, stream};

use super::{
    AcceptError, Acceptance, AcceptedTurn, ChatEngine, EngineRequest, Finished, FinishedTurn, Generation, Outcome,
    Position, RunningTurn, Settlement, Started, StreamEnd, TurnEvents, TurnJournal, TurnPlan, TurnReader, TurnRunner,
};
use crate::Unexpected;
use crate::clock::Clock;

/// A runner that needs no runtime: the caller's own future does the work.
///
/// For scripts, tests and services that cannot spawn. It falls short of the port: a caller who drops the future leaves
/// a turn that runs until it is reaped, whatever the plan says of that; a busy conversation is always refused; and
/// events come only once the turn has ended. Servers use `infra::live::LiveRunner`.
#[derive(Clone)]
pub struct InlineRunner {
    journal: Arc<dyn TurnJournal>,
    engine: Arc<dyn ChatEngine>,
    clock: Arc<dyn Clock>,
}

impl InlineRunner {
    /// A runner over these ports.
    pub fn new(journal: Arc<dyn TurnJournal>, engine: Arc<dyn ChatEngine>, clock: Arc<dyn Clock>) -> Self {
        Self { journal, engine, clock }
    }

    async fn run(
        self,
        plan: TurnPlan,
        accepted: AcceptedTurn,
        request: EngineRequest,
        generation: Generation,
    ) -> Result<Finished, Unexpected> {
        let outcome = self.generate(request, generation).await;
        let completed_at = self.clock.now();
        let finished = FinishedTurn {
            id: accepted.id,
            replica: plan.turn.replica,
            state: outcome.state.clone(),
            model: outcome.model.clone(),
            completed_at,
        };
        match self.journal.finish(finished).await? {
            Settlement::Stored => {
                let turn = plan.turn.into_turn(&accepted, completed_at, &outcome);
                Ok(Finished { turn, retry_after: outcome.retry_after })
            }
            Settlement::Lost => Err(Unexpected::unavailable("the turn was closed by another process")),
        }
    }

    async fn generate(&self, request: EngineRequest, mut generation: Generation) -> Outcome {
        let mut stream = match self.engine.answer(request).await {
            Ok(stream) => stream,
            Err(error) => return generation.end(StreamEnd::Failed(error)),
        };
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => _ = generation.delta(event),
                Err(error) => return generation.end(StreamEnd::Failed(error)),
            }
        }
        generation.end(StreamEnd::Closed)
    }
}

#[async_trait]
impl TurnRunner for InlineRunner {
    async fn start(&self, plan: TurnPlan) -> Result<Started, AcceptError> {
        let mut accepted = match self.journal.accept(plan.turn.clone()).await? {
            Acceptance::Accepted(accepted) => accepted,
            Acceptance::Replayed(turn) => return Ok(Started::Replayed(turn)),
        };
        let (request, generation) = plan.begin(&mut accepted, self.clock.now());
        let (turn_id, conversation_id) = (accepted.id, accepted.conversation_id);
        let reader = Box::new(Work(Box::pin(self.clone().run(plan, accepted, request, generation))));
        Ok(Started::Running(RunningTurn { turn_id, conversation_id, reader }))
    }
}

/// The rest of the turn, done by whoever waits for it.
struct Work(BoxFuture<'static, Result<Finished, Unexpected>>);

impl TurnReader for Work {
    fn finished(self: Box<Self>) -> BoxFuture<'static, Result<Finished, Unexpected>> {
        self.0
    }

    fn events(self: Box<Self>, from: Position) -> TurnEvents {
        let ended = |finished: Result<Finished, Unexpected>| finished.ok().into_iter();
        let events = stream::once(self.0).flat_map(move |finished| {
            stream::iter(ended(finished).flat_map(move |finished| finished.into_events(from)))
        });
        events.boxed()
    }
}
