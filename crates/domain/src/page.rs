//! Keyset pages: a list goes on after the last row one has seen, never after a count of rows.

use std::fmt;

use crate::Unexpected;

/// How many rows a page may have: 1 to 100, 20 unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The most rows on one page.
    pub const MAX: u8 = 100;

    /// The number of rows.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

/// The number was not from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {}", Limit::MAX)]
pub struct InvalidLimit;

impl TryFrom<u64> for Limit {
    type Error = InvalidLimit;

    fn try_from(rows: u64) -> Result<Self, InvalidLimit> {
        match u8::try_from(rows) {
            Ok(rows @ 1..=Self::MAX) => Ok(Self(rows)),
            _ => Err(InvalidLimit),
        }
    }
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest, or lowest, first.
    Ascending,
    /// Newest, or highest, first.
    Descending,
}

/// Which page is wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest<Id> {
    /// At most so many rows.
    pub limit: Limit,
    /// Only rows that come after this one in the list's order.
    pub after: Option<Id>,
    /// The list's order.
    pub order: Order,
}

impl<Id> PageRequest<Id> {
    /// The first page in this order, of the default size.
    pub fn first(order: Order) -> Self {
        Self { limit: Limit::default(), after: None, order }
    }
}

/// Some rows of a list, in its order.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Whether there are rows after these.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page out of a query that asked for one row more than `limit`.
    pub fn from_one_more(mut items: Vec<T>, limit: Limit) -> Self {
        let has_more = items.len() > usize::from(limit.get());
        items.truncate(usize::from(limit.get()));
        Self { items, has_more }
    }
}

/// Why a list could not be read.
#[derive(Debug)]
pub enum ListError {
    /// The list itself does not exist, or is somebody else's.
    NotFound,
    /// `after` names no row of this list.
    UnknownCursor,
    /// The store failed.
    Unexpected(Unexpected),
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such list"),
            Self::UnknownCursor => f.write_str("the cursor names no row of this list"),
            Self::Unexpected(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for ListError {}

impl From<Unexpected> for ListError {
    fn from(source: Unexpected) -> Self {
        Self::Unexpected(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_from_1_to_100() {
        assert_eq!(Limit::try_from(0), Err(InvalidLimit));
        assert_eq!(Limit::try_from(1).map(Limit::get), Ok(1));
        assert_eq!(Limit::try_from(100).map(Limit::get), Ok(100));
        assert_eq!(Limit::try_from(101), Err(InvalidLimit));
        assert_eq!(Limit::try_from(u64::MAX), Err(InvalidLimit));
    }

    #[test]
    fn the_row_too_many_says_that_there_is_more() {
        let two = Limit::try_from(2).unwrap();
        let page = Page::from_one_more(vec![1, 2, 3], two);
        assert_eq!((page.items, page.has_more), (vec![1, 2], true));
        let page = Page::from_one_more(vec![1, 2], two);
        assert_eq!((page.items, page.has_more), (vec![1, 2], false));
    }
}
