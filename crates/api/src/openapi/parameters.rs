use utoipa::IntoParams;
use uuid::Uuid;

/// The query of every list. `extract::ListQuery` reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the query; `ListQuery` reads it")]
pub(crate) struct ListParameters {
    /// The most rows of a page; 20 unless told.
    #[param(minimum = 1, maximum = 100, example = 20)]
    limit: Option<u8>,
    /// Go on after the row of that id: the `last_id` of the page before.
    after: Option<Uuid>,
    /// The direction of the list: `asc` or `desc`.
    #[param(example = "desc")]
    order: Option<String>,
}

/// The query of the report on usage. `extract::UsageQuery` reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the query; `UsageQuery` reads it")]
pub(crate) struct UsageParameters {
    /// What each row is of: `day` (unless told otherwise) or `model`.
    #[param(example = "day")]
    group_by: Option<String>,
    /// The first day, in UTC; without it the period has 30 days. A period has 366 days at the most.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-01")]
    from: Option<String>,
    /// The last day, in UTC; without it today.
    #[param(value_type = Option<String>, format = Date, example = "2026-01-31")]
    to: Option<String>,
}
