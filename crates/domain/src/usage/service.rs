use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use super::{Dollars, InvalidPeriod, Period, Price, Prices, Tally, UsageRecord, UsageRepository};
use crate::Unexpected;
use crate::access::Principal;
use crate::chat::{ChatEngine, OfferedModel};
use crate::clock::Clock;
use crate::conversation::ModelName;

/// How much was used, and what that costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spending {
    /// How much.
    pub tally: Tally,
    /// What those of the tokens cost whose models have prices; `None` if none of the models has one.
    pub cost: Option<Dollars>,
    /// The tokens of models that have no price, which are not in `cost`.
    pub unpriced_tokens: u64,
}

/// Spending in groups, which are sorted by `K`, and all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<K> {
    /// The days that it is of.
    pub period: Period,
    /// The groups of which there is something.
    pub groups: Vec<(K, Spending)>,
    /// All of it.
    pub total: Spending,
}

/// A model that may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedModel {
    /// The model, as its engine offers it.
    pub model: OfferedModel,
    /// What it costs, if that is known.
    pub price: Option<Price>,
    /// Whether it answers who names no model.
    pub is_default: bool,
}

/// Use case: what a user has used, and what there is to use.
#[derive(Clone)]
pub struct UsageService {
    usage: Arc<dyn UsageRepository>,
    engine: Arc<dyn ChatEngine>,
    prices: Arc<Prices>,
    clock: Arc<dyn Clock>,
}

impl UsageService {
    /// The use case over these ports. `engine` is asked only what it offers.
    pub fn new(
        usage: Arc<dyn UsageRepository>,
        engine: Arc<dyn ChatEngine>,
        prices: Prices,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { usage, engine, prices: Arc::new(prices), clock }
    }

    /// The models that may be asked for; the default is the first.
    pub fn models(&self) -> Vec<PricedModel> {
        let offered = self.engine.models().into_iter().enumerate();
        let priced = |(place, model): (usize, OfferedModel)| PricedModel {
            price: self.prices.of(&model.name),
            is_default: place == 0,
            model,
        };
        offered.map(priced).collect()
    }

    /// The period between those days, both included: until today, and thirty days long, where they are not given.
    pub fn period(&self, first: Option<NaiveDate>, last: Option<NaiveDate>) -> Result<Period, InvalidPeriod> {
        Period::new(first, last.unwrap_or_else(|| self.clock.now().date_naive()))
    }

    /// What the caller has used in the period, by UTC day.
    pub async fn by_day(&self, caller: &Principal, period: Period) -> Result<Report<NaiveDate>, Unexpected> {
        self.report(caller, period, |record| record.day).await
    }

    /// The same by model; turns whose model is not known come first.
    pub async fn by_model(&self, caller: &Principal, period: Period) -> Result<Report<Option<ModelName>>, Unexpected> {
        self.report(caller, period, |record| record.model.clone()).await
    }

    async fn report<K: Ord>(
        &self,
        caller: &Principal,
        period: Period,
        key: fn(&UsageRecord) -> K,
    ) -> Result<Report<K>, Unexpected> {
        let records = self.usage.records(caller.user_id, period).await?;
        let mut groups: BTreeMap<K, Vec<Spending>> = BTreeMap::new();
        for record in &records {
            groups.entry(key(record)).or_default().push(self.spending(record));
        }
        let groups: Vec<_> = groups.into_iter().map(|(key, parts)| (key, sum(&parts))).collect();
        let parts: Vec<Spending> = groups.iter().map(|(_, spending)| *spending).collect();
        Ok(Report { period, groups, total: sum(&parts) })
    }

    fn spending(&self, UsageRecord { model, tally, .. }: &UsageRecord) -> Spending {
        let price = model.as_ref().and_then(|model| self.prices.of(model));
        let unpriced_tokens = if price.is_some() { 0 } else { tally.total_tokens() };
        Spending { tally: *tally, cost: price.map(|price| price.cost(*tally)), unpriced_tokens }
    }
}

fn sum(parts: &[Spending]) -> Spending {
    let costs: Vec<Dollars> = parts.iter().filter_map(|part| part.cost).collect();
    Spending {
        tally: parts.iter().map(|part| part.tally).sum(),
        cost: (!costs.is_empty()).then(|| costs.into_iter().sum()),
        unpriced_tokens: parts.iter().fold(0, |sum, part| sum.saturating_add(part.unpriced_tokens)),
    }
}
