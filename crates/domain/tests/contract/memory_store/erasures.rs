use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::access::CredentialId;
use domain::audit::NewAuditEvent;
use domain::erasure::{Begun, Erased, ErasureRepository, Stage, Step};
use domain::id::{ConversationId, UserId};
use domain::user::RightsChange;

use super::{MemoryStore, Rows, TurnRow, now};

pub(super) struct ErasureRow {
    ended: Vec<CredentialId>,
    erased: Erased,
    went_on_at: DateTime<Utc>,
}

#[async_trait]
impl ErasureRepository for MemoryStore {
    async fn begin(&self, user: UserId, event: NewAuditEvent) -> Result<Begun, Unexpected> {
        let mut rows = self.rows();
        if let Some(begun) = rows.erasures.get(&user) {
            return Ok(Begun::Begun(begun.ended.clone()));
        }
        match rows.refusal(user, |_| false) {
            Some(RightsChange::NotFound) => return Ok(Begun::NotFound),
            Some(_) => return Ok(Begun::LastAdmin),
            None => {}
        }
        rows.user(user).is_active = false;
        rows.record(event);
        let ended = rows.stop(user);
        let row = ErasureRow { ended: ended.clone(), erased: Erased::default(), went_on_at: now() };
        rows.erasures.insert(user, row);
        Ok(Begun::Begun(ended))
    }

    async fn step(&self, user: UserId, limit: u32) -> Result<Option<Step>, Unexpected> {
        let mut rows = self.rows();
        if !rows.erasures.contains_key(&user) {
            return Ok(None);
        }
        let gone = rows.remove_some(user, usize::try_from(limit).expect("a small number"));
        let row = rows.erasures.get_mut(&user).expect("it is being deleted");
        row.went_on_at = now();
        row.erased.conversations += gone.conversations;
        row.erased.turns += gone.turns;
        row.erased.sessions += gone.sessions;
        row.erased.api_keys += gone.api_keys;
        row.erased.exports += gone.exports;
        let erased = row.erased;
        let stage = if gone != Erased::default() {
            Stage::More
        } else if rows.conversations.values().any(|row| row.user_id == user) {
            Stage::Waiting
        } else {
            rows.users.remove(&user);
            rows.erasures.remove(&user);
            Stage::Finished
        };
        Ok(Some(Step { erased, stage }))
    }

    async fn unfinished(&self, idle: Duration, limit: u32) -> Result<Vec<UserId>, Unexpected> {
        let rows = self.rows();
        let left = rows.erasures.iter().filter(|(_, row)| row.went_on_at + idle <= now()).map(|(user, _)| *user);
        Ok(left.take(usize::try_from(limit).expect("a small number")).collect())
    }
}

impl Rows {
    fn remove_some(&mut self, user: UserId, limit: usize) -> Erased {
        let leases = &self.leases;
        let runs =
            |row: &TurnRow| row.is_running() && leases.get(&row.asked.replica).is_some_and(|lease| *lease > now());
        let busy: Vec<ConversationId> =
            self.turns.values().filter(|row| runs(row)).map(|row| row.turn.conversation_id).collect();
        let goes = |row: &&TurnRow| row.turn.user_id == user && !busy.contains(&row.turn.conversation_id);
        let turns: Vec<_> = self.turns.values().filter(goes).map(|row| row.turn.id).take(limit).collect();
        for id in &turns {
            self.turns.remove(id);
        }
        let kept: Vec<ConversationId> = self.turns.values().map(|row| row.turn.conversation_id).collect();
        let before = self.conversations.len();
        self.conversations.retain(|id, row| row.user_id != user || kept.contains(id) || busy.contains(id));
        let conversations = before - self.conversations.len();
        let before = self.sessions.len();
        self.sessions.retain(|_, row| row.owner() != user);
        let sessions = before - self.sessions.len();
        self.tokens.retain(|_, token| self.sessions.contains_key(&token.session));
        self.tickets.retain(|_, (owner, _, _)| *owner != user);
        self.claims.retain(|(owner, _), _| *owner != user);
        let before = self.keys.len();
        self.keys.retain(|_, row| row.key.user_id != user);
        let api_keys = before - self.keys.len();
        let before = self.exports.len();
        self.exports.retain(|_, row| row.owner != user);
        let exports = before - self.exports.len();
        let count = |rows: usize| u64::try_from(rows).expect("a small number");
        Erased {
            conversations: count(conversations),
            turns: count(turns.len()),
            sessions: count(sessions),
            api_keys: count(api_keys),
            exports: count(exports),
        }
    }
}
