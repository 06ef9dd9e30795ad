use chrono::NaiveDate;
use domain::conversation::ModelName;
use domain::usage as domain_usage;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A day in UTC (RFC 3339's `full-date`).
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, format = Date, example = "2026-01-31")]
pub(crate) struct Day(pub(crate) NaiveDate);

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%d"))
    }
}

/// What something costs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cost {
    /// A decimal number, exact to the last digit: nothing is rounded.
    #[schema(example = "0.0123675")]
    amount: String,
    /// What it counts (ISO 4217).
    #[schema(example = "USD")]
    currency: &'static str,
}

/// How much was used.
#[derive(Serialize, ToSchema)]
pub(crate) struct Spending {
    /// Turns that ended with an answer, whole or not.
    #[schema(example = 12)]
    turns: u64,
    /// Tokens that models were given.
    #[schema(example = 4321)]
    input_tokens: u64,
    /// Tokens that models made.
    #[schema(example = 987)]
    output_tokens: u64,
    /// Both.
    #[schema(example = 5308)]
    total_tokens: u64,
    /// What those of the tokens cost whose models have prices; null if none of the models has one.
    cost: Option<Cost>,
    /// The tokens of models that have no price, which `cost` leaves out.
    #[schema(example = 0)]
    unpriced_tokens: u64,
}

/// What usage is grouped by.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum UsageKey {
    /// With `group_by=day`.
    Day {
        /// The day on which the turns ended, in UTC.
        day: Day,
    },
    /// With `group_by=model`.
    Model {
        /// The model that answered; null where that is not known.
        #[schema(example = "gpt-4o")]
        model: Option<String>,
    },
}

/// How much was used on a day, or with a model.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageGroup {
    #[serde(flatten)]
    key: UsageKey,
    #[serde(flatten)]
    spending: Spending,
}

/// How much was used in a period.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageReport {
    /// The period's first day, in UTC.
    from: Day,
    /// Its last day.
    to: Day,
    /// The days, the earliest first, or the models, by name. Those without a turn are left out.
    data: Vec<UsageGroup>,
    /// All of it.
    total: Spending,
}

/// What a model costs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Price {
    /// For a million tokens that the model is given: a decimal number.
    #[schema(example = "2.50")]
    input_per_million: String,
    /// For a million tokens that the model makes: a decimal number.
    #[schema(example = "10.00")]
    output_per_million: String,
    /// What it counts (ISO 4217).
    #[schema(example = "USD")]
    currency: &'static str,
}

/// A model that may be asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    /// Its name, as `model` of a question has it.
    #[schema(example = "gpt-4o")]
    id: String,
    /// Who serves it.
    #[schema(example = "openai")]
    provider: String,
    /// Whether it answers a question that names no model, in a conversation that names none.
    #[schema(example = true)]
    default: bool,
    /// What it costs; null if that is not known.
    price: Option<Price>,
}

/// All models that may be asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Models {
    /// The default comes first.
    data: Vec<Model>,
}

const USD: &str = "USD";

impl From<NaiveDate> for UsageKey {
    fn from(day: NaiveDate) -> Self {
        Self::Day { day: Day(day) }
    }
}

impl From<Option<ModelName>> for UsageKey {
    fn from(model: Option<ModelName>) -> Self {
        Self::Model { model: model.map(ModelName::into_string) }
    }
}

impl<K: Into<UsageKey>> From<domain_usage::Report<K>> for UsageReport {
    fn from(report: domain_usage::Report<K>) -> Self {
        let group =
            |(key, spending): (K, domain_usage::Spending)| UsageGroup { key: key.into(), spending: spending.into() };
        Self {
            from: Day(report.period.first()),
            to: Day(report.period.last()),
            data: report.groups.into_iter().map(group).collect(),
            total: report.total.into(),
        }
    }
}

impl From<domain_usage::Spending> for Spending {
    fn from(spending: domain_usage::Spending) -> Self {
        let domain_usage::Spending { tally, cost, unpriced_tokens } = spending;
        Self {
            turns: tally.turns,
            input_tokens: tally.input_tokens,
            output_tokens: tally.output_tokens,
            total_tokens: tally.total_tokens(),
            cost: cost.map(|amount| Cost { amount: amount.to_string(), currency: USD }),
            unpriced_tokens,
        }
    }
}

impl From<Vec<domain_usage::PricedModel>> for Models {
    fn from(models: Vec<domain_usage::PricedModel>) -> Self {
        Self { data: models.into_iter().map(Model::from).collect() }
    }
}

impl From<domain_usage::PricedModel> for Model {
    fn from(priced: domain_usage::PricedModel) -> Self {
        let domain_usage::PricedModel { model, price, is_default } = priced;
        Self {
            id: model.name.into_string(),
            provider: model.provider,
            default: is_default,
            price: price.map(Price::from),
        }
    }
}

impl From<domain_usage::Price> for Price {
    fn from(price: domain_usage::Price) -> Self {
        Self {
            input_per_million: price.input_per_million().to_string(),
            output_per_million: price.output_per_million().to_string(),
            currency: USD,
        }
    }
}
