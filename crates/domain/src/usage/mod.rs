//! What turns took, by day and by model; what that costs; and how much of it somebody may have in a day.

mod model;
mod price;
mod quota;
mod repository;
mod service;

pub use model::{InvalidPeriod, Period, Tally, UsageRecord};
pub use price::{Dollars, InvalidPrices, Price, Prices};
pub use quota::{Quota, QuotaError, TokensPerDay};
pub use repository::UsageRepository;
pub use service::{PricedModel, Report, Spending, UsageService};

#[cfg(feature = "mock")]
pub use {quota::MockQuota, repository::MockUsageRepository};
