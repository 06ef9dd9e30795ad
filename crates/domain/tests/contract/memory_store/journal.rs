use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Unexpected;
use domain::chat::{
    AcceptError, Acceptance, AcceptedTurn, ConversationChoice, FinishedTurn, IdempotencyClaim, NewTurn, PastTurn,
    Settlement, TurnJournal,
};
use domain::conversation::{Conversation, Metadata, NewConversation, Turn, TurnKind, TurnState};
use domain::id::{ConversationId, TurnId};

use super::{Claim, MemoryStore, Rows, TurnRow};

#[async_trait]
impl TurnJournal for MemoryStore {
    async fn accept(&self, turn: NewTurn) -> Result<Acceptance, AcceptError> {
        let mut rows = self.rows();
        if let Some(row) = rows.turns.get(&turn.id).filter(|row| row.is_running() && row.asked.replica == turn.replica)
        {
            return Ok(Acceptance::Accepted(rows.accepted(&row.turn, &turn)));
        }
        if let Some(replayed) = rows.settle_key(&turn)? {
            return Ok(Acceptance::Replayed(Box::new(replayed)));
        }
        let conversation = rows.choose(&turn).ok_or(AcceptError::ConversationNotFound)?;
        if let Some(running) = rows.running_in(conversation.id) {
            return Err(AcceptError::ConversationBusy { running });
        }
        let stored = rows.store(turn.clone(), conversation);
        Ok(Acceptance::Accepted(rows.accepted(&stored, &turn)))
    }

    async fn finish(&self, end: FinishedTurn) -> Result<Settlement, Unexpected> {
        let mut rows = self.rows();
        let Some(row) = rows.turns.get_mut(&end.id).filter(|row| row.asked.replica == end.replica) else {
            return Ok(Settlement::Lost);
        };
        if !row.is_running() {
            let is_the_same = row.turn.state == end.state && row.turn.completed_at == Some(end.completed_at);
            return Ok(if is_the_same { Settlement::Stored } else { Settlement::Lost });
        }
        let gave_nothing = match &end.state {
            TurnState::Failed(_) => true,
            TurnState::Cancelled(answer) => answer.response.is_empty() && answer.parts.is_none(),
            _ => false,
        };
        row.pieces.clear();
        row.turn.state = end.state;
        row.turn.model = end.model.or(row.turn.model.take());
        row.turn.completed_at = Some(end.completed_at);
        let ended = row.turn.clone();
        rows.counted.count(&ended);
        if gave_nothing {
            rows.claims.retain(|_, claim| claim.turn != end.id);
        }
        Ok(Settlement::Stored)
    }
}

impl Rows {
    /// What the turn's key says: the turn it was used for if that has ended, nothing if it is free.
    fn settle_key(&self, turn: &NewTurn) -> Result<Option<Turn>, AcceptError> {
        let Some(wanted) = &turn.idempotency else { return Ok(None) };
        let held = self.claims.get(&(turn.user_id, wanted.key.as_str().to_owned()));
        let Some(held) = held.filter(|held| held.claimed_at > IdempotencyClaim::cutoff(turn.entry_time)) else {
            return Ok(None);
        };
        if held.fingerprint != wanted.fingerprint {
            return Err(AcceptError::KeyReused);
        }
        match self.turns.get(&held.turn) {
            None => Err(AcceptError::KeyGone),
            Some(row) if row.is_running() => Err(AcceptError::InProgress { running: held.turn }),
            Some(row) if row.turn.expiry_timestamp <= turn.entry_time => Err(AcceptError::KeyGone),
            Some(row) => Ok(Some(row.turn.clone())),
        }
    }

    fn choose(&self, turn: &NewTurn) -> Option<Conversation> {
        let now = turn.entry_time;
        let or_new = match turn.conversation {
            ConversationChoice::Existing(id) => return self.conversation(turn.user_id, id, now).cloned(),
            ConversationChoice::Current { or_new } => or_new,
        };
        let of_session = self.turns.values().filter(|row| row.turn.session_id == turn.session_id);
        let last = of_session.max_by_key(|row| (row.turn.entry_time, row.turn.id));
        let own = last.and_then(|row| self.conversation(turn.user_id, row.turn.conversation_id, now));
        let is_live = |row: &&Conversation| row.user_id == turn.user_id && !row.archived && row.expiry_timestamp > now;
        let latest = || self.conversations.values().filter(is_live).max_by_key(|row| (row.updated_at, row.id));
        let new = || NewConversation {
            id: or_new,
            user_id: turn.user_id,
            title: None,
            model: None,
            system: None,
            metadata: Metadata::default(),
            ttl: None,
            created_at: now,
            expiry_timestamp: turn.default_ttl.after(now),
        };
        Some(own.or_else(latest).cloned().unwrap_or_else(|| new().into_conversation()))
    }

    fn running_in(&self, conversation: ConversationId) -> Option<TurnId> {
        let mut turns = self.turns.values().filter(|row| row.turn.conversation_id == conversation);
        turns.find(|row| row.is_running()).map(|row| row.turn.id)
    }

    fn store(&mut self, asked: NewTurn, mut conversation: Conversation) -> Turn {
        let seqs = self.turns.values().filter(|row| row.turn.conversation_id == conversation.id);
        let turn = Turn {
            id: asked.id,
            conversation_id: conversation.id,
            user_id: asked.user_id,
            session_id: asked.session_id,
            seq: seqs.map(|row| row.turn.seq).max().unwrap_or(0) + 1,
            parent_turn_id: conversation.leaf_turn_id,
            kind: TurnKind::Answered,
            request_question: asked.question.clone(),
            model: asked.model.clone(),
            metadata: asked.metadata.clone(),
            entry_time: asked.entry_time,
            completed_at: None,
            expiry_timestamp: conversation.ttl.unwrap_or(asked.default_ttl).after(asked.entry_time),
            state: TurnState::Running { response: String::new() },
        };
        conversation.leaf_turn_id = Some(turn.id);
        conversation.updated_at = turn.entry_time;
        conversation.expiry_timestamp = conversation.expiry_timestamp.max(turn.expiry_timestamp);
        self.conversations.insert(conversation.id, conversation);
        if let Some(IdempotencyClaim { key, fingerprint }) = &asked.idempotency {
            let claim = Claim { turn: turn.id, fingerprint: *fingerprint, claimed_at: asked.entry_time };
            self.claims.insert((asked.user_id, key.as_str().to_owned()), claim);
        }
        self.turns.insert(turn.id, TurnRow { asked, turn: turn.clone(), pieces: BTreeMap::new(), is_unwanted: false });
        turn
    }

    fn accepted(&self, turn: &Turn, asked: &NewTurn) -> AcceptedTurn {
        let conversation = self.conversations.get(&turn.conversation_id).expect("no conversation is ever deleted");
        AcceptedTurn {
            id: turn.id,
            conversation_id: turn.conversation_id,
            seq: turn.seq,
            parent_turn_id: turn.parent_turn_id,
            expiry_timestamp: turn.expiry_timestamp,
            conversation_model: conversation.model.clone(),
            system: conversation.system.clone(),
            context: self.context(turn, asked.budget.max_turns, asked.entry_time),
        }
    }

    fn context(&self, turn: &Turn, wanted: u16, now: DateTime<Utc>) -> Vec<PastTurn> {
        let mut past: Vec<&Turn> = self
            .turns
            .values()
            .map(|row| &row.turn)
            .filter(|past| past.conversation_id == turn.conversation_id && past.seq < turn.seq)
            .filter(|past| past.expiry_timestamp > now)
            .collect();
        past.sort_by_key(|past| std::cmp::Reverse(past.seq));
        let told = past.into_iter().filter_map(|past| {
            let answer = past.state.answer()?;
            Some(PastTurn {
                question: past.request_question.as_str().to_owned(),
                response: answer.response.clone(),
                tokens: past.request_question.estimated_tokens().saturating_add(answer.usage.output_tokens),
                expiry_timestamp: past.expiry_timestamp,
            })
        });
        told.take(usize::from(wanted)).collect()
    }
}
