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
