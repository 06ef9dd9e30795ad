use domain::page::Page;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Some rows of a list. The next ones are had with `after` = `last_id`.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows.
    data: Vec<T>,
    /// The id of the first row here.
    first_id: Option<Uuid>,
    /// The id of the last row here.
    last_id: Option<Uuid>,
    /// Whether there are rows after these.
    has_more: bool,
}

impl<T> List<T> {
    pub(crate) fn new<U>(page: Page<U>, id: impl Fn(&U) -> Uuid) -> Self
    where
        T: From<U>,
    {
        Self::of(page, id, T::from)
    }

    pub(crate) fn of<U>(page: Page<U>, id: impl Fn(&U) -> Uuid, shown: impl Fn(U) -> T) -> Self {
        Self {
            first_id: page.items.first().map(&id),
            last_id: page.items.last().map(&id),
            has_more: page.has_more,
            data: page.items.into_iter().map(shown).collect(),
        }
    }
}
