use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::chat::ReplicaLease;
use domain::conversation::{Answer, IncompleteReason, TurnState, Usage};
use domain::id::{ReplicaId, TurnId};
use domain::text::estimated_tokens;

use super::{MemoryStore, Rows, now};

#[async_trait]
impl ReplicaLease for MemoryStore {
    async fn renew(&self, replica: ReplicaId, lease: Duration) -> Result<(), Unexpected> {
        self.rows().leases.insert(replica, now() + lease);
        Ok(())
    }

    async fn reap(&self, by: ReplicaId, moment: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let mut rows = self.rows();
        let Rows { turns, leases, .. } = &mut *rows;
        let is_alive = |replica: &ReplicaId| *replica == by || leases.get(replica).is_some_and(|lease| *lease > now());
        let orphans = turns.values_mut().filter(|row| row.is_running() && !is_alive(&row.asked.replica));
        let reaped = orphans.map(|row| {
            let response = row.text();
            let usage = Usage { input_tokens: 0, output_tokens: estimated_tokens(&response) };
            let answer = Answer { response, usage, ..Answer::default() };
            row.pieces.clear();
            row.turn.state = TurnState::Incomplete(answer, IncompleteReason::ServerRestart);
            row.turn.completed_at = Some(moment);
            row.turn.id
        });
        Ok(reaped.collect())
    }

    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected> {
        self.rows().leases.remove(&replica);
        Ok(())
    }
}
