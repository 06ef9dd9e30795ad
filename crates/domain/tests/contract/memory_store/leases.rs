use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::access::CredentialId;
use domain::chat::{
    Beat, Cancellation, Course, Followed, Following, News, Piece, PieceContent, Position, ReplicaLease,
};
use domain::conversation::{Answer, IncompleteReason, TurnState, Usage};
use domain::id::{ReplicaId, TurnId, UserId};
use domain::session::SessionState;
use domain::text::estimated_tokens;

use super::{MemoryStore, Rows, SessionRow, TurnRow, now};

#[async_trait]
impl ReplicaLease for MemoryStore {
    async fn beat(&self, beat: Beat) -> Result<News, Unexpected> {
        let mut rows = self.rows();
        if let Some(lease) = beat.lease {
            rows.leases.insert(beat.replica, now() + lease);
        }
        let told: BTreeSet<TurnId> = beat.pieces.iter().map(|piece| piece.turn_id).collect();
        for Piece { turn_id, at, content } in beat.pieces {
            let runs_here = |row: &&mut TurnRow| row.is_running() && row.asked.replica == beat.replica;
            if let Some(row) = rows.turns.get_mut(&turn_id).filter(runs_here) {
                let stored = row.pieces.entry(at).or_insert_with(|| content.clone());
                if let (PieceContent::Text(old), PieceContent::Text(new)) = (stored, content)
                    && new.len() > old.len()
                {
                    *old = new;
                }
            }
        }
        let unwanted = |row: &&TurnRow| row.is_running() && row.is_unwanted && row.asked.replica == beat.replica;
        let runs_here =
            |id: &TurnId| rows.turns.get(id).is_some_and(|row| row.is_running() && row.asked.replica == beat.replica);
        let lost = told.into_iter().filter(|id| !runs_here(id));
        Ok(News {
            cancelled: rows.turns.values().filter(unwanted).map(|row| row.turn.id).chain(lost).collect(),
            ended: beat.credentials.iter().copied().filter(|credential| !rows.is_live(*credential)).collect(),
            followed: beat.followed.iter().map(|following| rows.course(*following)).collect(),
        })
    }

    async fn request_cancel(
        &self,
        owner: UserId,
        id: TurnId,
        now: DateTime<Utc>,
    ) -> Result<Option<Cancellation>, Unexpected> {
        let mut rows = self.rows();
        let is_his = |row: &&mut TurnRow| row.turn.user_id == owner && row.turn.expiry_timestamp > now;
        Ok(rows.turns.get_mut(&id).filter(is_his).map(|row| {
            if !row.is_running() {
                return Cancellation::Ended;
            }
            row.is_unwanted = true;
            Cancellation::Requested { by: row.asked.replica }
        }))
    }

    async fn reap(&self, by: ReplicaId, moment: DateTime<Utc>) -> Result<Vec<TurnId>, Unexpected> {
        let mut rows = self.rows();
        let Rows { turns, leases, counted, .. } = &mut *rows;
        let is_alive = |replica: &ReplicaId| *replica == by || leases.get(replica).is_some_and(|lease| *lease > now());
        let orphans = turns.values_mut().filter(|row| row.is_running() && !is_alive(&row.asked.replica));
        let reaped = orphans.map(|row| {
            let answer = row.transcript().to_answer();
            let usage = Usage { input_tokens: 0, output_tokens: estimated_tokens(&answer.response) };
            let answer = Answer { usage, ..answer };
            row.pieces.clear();
            row.turn.state = TurnState::Incomplete(answer, IncompleteReason::ServerRestart);
            row.turn.completed_at = Some(moment);
            counted.count(&row.turn);
            row.turn.id
        });
        Ok(reaped.collect())
    }

    async fn release(&self, replica: ReplicaId) -> Result<(), Unexpected> {
        self.rows().leases.remove(&replica);
        Ok(())
    }
}

impl Rows {
    /// Whether requests may be made with it.
    fn is_live(&self, credential: CredentialId) -> bool {
        let owner = match credential {
            CredentialId::Session(id) => {
                let live = self.sessions.get(&id).filter(|row| row.state() == SessionState::Live);
                live.map(SessionRow::owner)
            }
            CredentialId::ApiKey(id) => self.keys.get(&id).filter(|row| row.is_live()).map(|row| row.key.user_id),
        };
        owner.and_then(|owner| self.users.get(&owner)).is_some_and(|(owner, _)| owner.is_active)
    }

    fn course(&self, Following { turn_id, after }: Following) -> Followed {
        let end = |at: Position, content: &PieceContent| match content {
            PieceContent::Text(text) => Position { offset: at.offset + text.len(), ..at },
            PieceContent::Part(_) => Position { parts: at.parts + 1, ..at },
        };
        let course = match self.turns.get(&turn_id) {
            None => Course::Gone,
            Some(row) if row.is_running() => {
                let new = row.pieces.iter().filter(|(at, content)| end(**at, content) > after);
                Course::Running(new.map(|(at, content)| Piece { turn_id, at: *at, content: content.clone() }).collect())
            }
            Some(row) => Course::Ended(Box::new(row.turn.clone())),
        };
        Followed { turn_id, course }
    }
}
