use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::Unexpected;
use domain::conversation::{ModelName, Turn};
use domain::id::UserId;
use domain::usage::{Period, Tally, UsageRecord, UsageRepository};

use super::MemoryStore;

#[derive(Default)]
pub(super) struct Counted(BTreeMap<(NaiveDate, UserId, Option<ModelName>), Tally>);

impl Counted {
    /// Counts a turn that ends just now.
    pub(super) fn count(&mut self, turn: &Turn) {
        if let (Some(answer), Some(completed_at)) = (turn.state.answer(), turn.completed_at) {
            *self.0.entry((completed_at.date_naive(), turn.user_id, turn.model.clone())).or_default() += Tally {
                turns: 1,
                input_tokens: answer.usage.input_tokens.into(),
                output_tokens: answer.usage.output_tokens.into(),
            };
        }
    }
}

#[async_trait]
impl UsageRepository for MemoryStore {
    async fn records(&self, user: UserId, period: Period) -> Result<Vec<UsageRecord>, Unexpected> {
        let rows = self.rows();
        let wanted = rows
            .counted
            .0
            .iter()
            .filter(|((day, owner, _), _)| *owner == user && (period.first()..=period.last()).contains(day));
        let record = |((day, _, model), tally): (&(NaiveDate, UserId, Option<ModelName>), &Tally)| UsageRecord {
            day: *day,
            model: model.clone(),
            tally: *tally,
        };
        Ok(wanted.map(record).collect())
    }

    async fn tokens_on(&self, user: UserId, day: NaiveDate) -> Result<u64, Unexpected> {
        let rows = self.rows();
        let of_day = rows.counted.0.iter().filter(|((at, owner, _), _)| (*at, *owner) == (day, user));
        Ok(of_day.map(|(_, tally)| tally.total_tokens()).sum())
    }
}
