use std::iter::Sum;
use std::ops::AddAssign;

use chrono::{Days, NaiveDate};

use crate::conversation::ModelName;

/// How much was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Turns that ended with an answer, whole or not. One that failed took nothing that anybody counted.
    pub turns: u64,
    /// Tokens that models were given, as their turns say.
    pub input_tokens: u64,
    /// Tokens that models made, as their turns say.
    pub output_tokens: u64,
}

impl Tally {
    /// The tokens of both kinds.
    pub const fn total_tokens(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.turns = self.turns.saturating_add(other.turns);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

/// What one user's turns took on one day with one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    /// The UTC day on which the turns ended.
    pub day: NaiveDate,
    /// The model that answered, where it is known.
    pub model: Option<ModelName>,
    /// How much it was.
    pub tally: Tally,
}

/// Days in a row, in UTC: 1 to 366 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    first: NaiveDate,
    last: NaiveDate,
}

/// Why two days are no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    /// The last day is before the first.
    #[error("must not be after the last day")]
    Reversed,
    /// There are too many between them.
    #[error("must be at most {} days before the last day", Period::MAX_DAYS - 1)]
    TooLong,
}

impl Period {
    /// The most days.
    pub const MAX_DAYS: i64 = 366;
    /// How many days a period has whose first is not said.
    pub const DEFAULT_DAYS: u64 = 30;

    /// From `first` to `last`, both included. Without `first` it has [`Self::DEFAULT_DAYS`].
    pub fn new(first: Option<NaiveDate>, last: NaiveDate) -> Result<Self, InvalidPeriod> {
        let earliest = || last.checked_sub_days(Days::new(Self::DEFAULT_DAYS - 1));
        let first = first.or_else(earliest).unwrap_or(NaiveDate::MIN);
        match last.signed_duration_since(first).num_days() {
            ..0 => Err(InvalidPeriod::Reversed),
            Self::MAX_DAYS.. => Err(InvalidPeriod::TooLong),
            _ => Ok(Self { first, last }),
        }
    }

    /// The first day.
    pub const fn first(self) -> NaiveDate {
        self.first
    }

    /// The last day.
    pub const fn last(self) -> NaiveDate {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_has_a_day_to_a_year_of_them() {
        let days = |first, last| Period::new(Some(day(first)), day(last)).map(|period| (period.first, period.last));
        assert_eq!(days("2026-03-01", "2026-03-01"), Ok((day("2026-03-01"), day("2026-03-01"))));
        assert!(days("2024-01-01", "2024-12-31").is_ok(), "366 days");
        assert_eq!(days("2024-01-01", "2025-01-01"), Err(InvalidPeriod::TooLong));
        assert_eq!(days("2026-03-02", "2026-03-01"), Err(InvalidPeriod::Reversed));
    }

    #[test]
    fn without_a_first_day_it_has_thirty() {
        let period = Period::new(None, day("2026-03-30")).unwrap();
        assert_eq!((period.first(), period.last()), (day("2026-03-01"), day("2026-03-30")));
        assert!(Period::new(None, NaiveDate::MIN).is_ok());
    }

    #[test]
    fn tallies_are_summed_and_never_wrap() {
        let tally = |turns, input_tokens, output_tokens| Tally { turns, input_tokens, output_tokens };
        assert_eq!([tally(1, 2, 3), tally(4, 5, 6)].into_iter().sum::<Tally>(), tally(5, 7, 9));
        assert_eq!([tally(u64::MAX, 2, 0), tally(1, 1, 0)].into_iter().sum::<Tally>(), tally(u64::MAX, 3, 0));
        assert_eq!(tally(1, u64::MAX, 1).total_tokens(), u64::MAX);
    }
}
