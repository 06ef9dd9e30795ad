use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use domain::Unexpected;
use domain::chat::{MockChatEngine, OfferedModel};
use domain::clock::MockClock;
use domain::usage::{
    InvalidPeriod, MockUsageRepository, Prices, Quota, QuotaError, Spending, Tally, TokensPerDay, UsageRecord,
    UsageService,
};

use super::{ada, caller, clock, valid};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn tally(turns: u64, input_tokens: u64, output_tokens: u64) -> Tally {
    Tally { turns, input_tokens, output_tokens }
}

fn record(on: &str, model: Option<&str>, tally: Tally) -> UsageRecord {
    UsageRecord { day: day(on), model: model.map(valid), tally }
}

fn service(usage: MockUsageRepository) -> UsageService {
    let mut engine = MockChatEngine::new();
    let offered = ["small", "large"].map(|name| OfferedModel { name: valid(name), provider: "test".to_owned() });
    engine.expect_models().returning(move || offered.to_vec());
    let prices = ["large=2/10", "gone=1/1"].map(str::to_owned).to_vec();
    UsageService::new(Arc::new(usage), Arc::new(engine), Prices::try_from(prices).unwrap(), clock())
}

/// A repository that is asked once for the caller's records of the two days before today and today.
fn three_days(records: Vec<UsageRecord>) -> MockUsageRepository {
    let mut usage = MockUsageRepository::new();
    usage.expect_records().once().return_once(move |user, period| {
        assert_eq!(user, ada().id);
        assert_eq!((period.first(), period.last()), (day("2023-11-12"), day("2023-11-14")));
        Ok(records)
    });
    usage
}

fn records() -> Vec<UsageRecord> {
    vec![
        record("2023-11-12", Some("large"), tally(1, 1_000, 100)),
        record("2023-11-12", Some("small"), tally(2, 20, 2)),
        record("2023-11-14", None, tally(1, 5, 0)),
        record("2023-11-14", Some("gone"), tally(1, 0, 1)),
        record("2023-11-14", Some("large"), tally(3, 1_000_000, 0)),
    ]
}

/// Amounts as they are written.
fn shown(spending: Spending) -> (Tally, Option<String>, u64) {
    (spending.tally, spending.cost.map(|cost| cost.to_string()), spending.unpriced_tokens)
}

fn dollars(amount: &str) -> String {
    amount.to_owned()
}

#[tokio::test]
async fn a_days_models_are_added_up_and_what_has_no_price_is_not_free() {
    let service = service(three_days(records()));
    let period = service.period(Some(day("2023-11-12")), None).unwrap();
    let report = service.by_day(&caller(), period).await.unwrap();
    assert_eq!(report.period, period);
    let groups: Vec<_> = report.groups.into_iter().map(|(day, spending)| (day, shown(spending))).collect();
    let expected = [
        (day("2023-11-12"), (tally(3, 1_020, 102), Some(dollars("0.003")), 22)),
        (day("2023-11-14"), (tally(5, 1_000_005, 1), Some(dollars("2.000001")), 5)),
    ];
    assert_eq!(groups, expected);
    assert_eq!(shown(report.total), (tally(8, 1_001_025, 103), Some(dollars("2.003001")), 27));
}

#[tokio::test]
async fn a_models_days_are_added_up_to_the_same_total() {
    let service = service(three_days(records()));
    let period = service.period(Some(day("2023-11-12")), None).unwrap();
    let report = service.by_model(&caller(), period).await.unwrap();
    let groups: Vec<_> = report.groups.into_iter().map(|(model, spending)| (model, shown(spending))).collect();
    let expected = [
        (None, (tally(1, 5, 0), None, 5)),
        (Some(valid("gone")), (tally(1, 0, 1), Some(dollars("0.000001")), 0)),
        (Some(valid("large")), (tally(4, 1_001_000, 100), Some(dollars("2.003")), 0)),
        (Some(valid("small")), (tally(2, 20, 2), None, 22)),
    ];
    assert_eq!(groups, expected);
    assert_eq!(shown(report.total), (tally(8, 1_001_025, 103), Some(dollars("2.003001")), 27));
}

#[tokio::test]
async fn nothing_used_is_nothing_and_costs_nothing_known() {
    let service = service(three_days(Vec::new()));
    let period = service.period(Some(day("2023-11-12")), None).unwrap();
    let report = service.by_day(&caller(), period).await.unwrap();
    assert_eq!((report.groups, report.total), (Vec::new(), Spending::default()));
}

#[tokio::test]
async fn a_store_that_fails_fails_the_report() {
    let mut usage = MockUsageRepository::new();
    usage.expect_records().returning(|_, _| Err(Unexpected::unavailable("away")));
    let service = service(usage);
    let period = service.period(None, None).unwrap();
    assert!(service.by_model(&caller(), period).await.unwrap_err().is_unavailable());
}

#[test]
fn a_period_ends_today_unless_told_otherwise() {
    let service = service(MockUsageRepository::new());
    let days = |first: Option<&str>, last: Option<&str>| {
        service.period(first.map(day), last.map(day)).map(|period| (period.first(), period.last()))
    };
    assert_eq!(days(None, None), Ok((day("2023-10-16"), day("2023-11-14"))));
    assert_eq!(days(None, Some("2020-01-30")), Ok((day("2020-01-01"), day("2020-01-30"))));
    assert_eq!(days(Some("2023-11-15"), None), Err(InvalidPeriod::Reversed));
    assert_eq!(days(Some("2022-11-13"), None), Err(InvalidPeriod::TooLong));
}

#[test]
fn models_have_their_prices_and_the_first_is_the_default() {
    let models = service(MockUsageRepository::new()).models();
    let shown: Vec<_> = models
        .iter()
        .map(|priced| {
            let price = priced.price.map(|p| (p.input_per_million().to_string(), p.output_per_million().to_string()));
            (priced.model.name.as_str(), priced.is_default, price)
        })
        .collect();
    assert_eq!(shown, [("small", true, None), ("large", false, Some(("2.00".to_owned(), "10.00".to_owned())))]);
}

/// What a quota of 100 tokens says at that moment to who has used so many of that day.
async fn checked(used: u64, now: &'static str) -> Result<(), QuotaError> {
    let (mut usage, mut clock) = (MockUsageRepository::new(), MockClock::new());
    clock.expect_now().returning(move || now.parse().unwrap());
    usage.expect_tokens_on().once().returning(move |user, on| {
        assert_eq!((user, on), (ada().id, day("2026-02-28")));
        Ok(used)
    });
    TokensPerDay::new(NonZeroU64::new(100).unwrap(), Arc::new(usage), Arc::new(clock)).check(ada().id).await
}

#[tokio::test]
async fn s43_a_question_is_taken_until_the_days_tokens_are_used_up() {
    for used in [0, 99] {
        assert!(checked(used, "2026-02-28T12:00:00Z").await.is_ok(), "{used}");
    }
    for used in [100, u64::MAX] {
        assert!(matches!(checked(used, "2026-02-28T12:00:00Z").await, Err(QuotaError::Exceeded { .. })), "{used}");
    }
}

#[tokio::test]
async fn s43_there_is_more_at_midnight() {
    for (now, wait) in [
        ("2026-02-28T00:00:00Z", Duration::from_secs(86_400)),
        ("2026-02-28T12:00:00Z", Duration::from_secs(43_200)),
        ("2026-02-28T23:59:59.750Z", Duration::from_millis(250)),
    ] {
        let Err(QuotaError::Exceeded { retry_after }) = checked(100, now).await else { panic!("{now} is exceeded") };
        assert_eq!(retry_after, wait, "{now}");
    }
}

#[tokio::test]
async fn a_quota_that_cannot_be_looked_up_lets_nobody_through() {
    let mut usage = MockUsageRepository::new();
    usage.expect_tokens_on().returning(|_, _| Err(Unexpected::unavailable("away")));
    let quota = TokensPerDay::new(NonZeroU64::MIN, Arc::new(usage), clock());
    assert!(matches!(quota.check(ada().id).await, Err(QuotaError::Unexpected(error)) if error.is_unavailable()));
}
