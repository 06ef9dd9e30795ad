use std::time::Duration;

use domain::conversation::TimeToLive;
use serde::Deserialize;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Whole<const MIN: u32, const MAX: u32>(u32);

/// The number was out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from {min} to {max}")]
pub struct OutOfBounds {
    min: i64,
    max: i64,
}

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number, where something is counted in memory.
    pub const fn count(self) -> usize {
        self.0 as usize
    }

    /// The number, or the largest that fits.
    pub fn saturating_u16(self) -> u16 {
        u16::try_from(self.0).unwrap_or(u16::MAX)
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<i64> for Whole<MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(number: i64) -> Result<Self, OutOfBounds> {
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(OutOfBounds { min: MIN.into(), max: MAX.into() }),
        }
    }
}

/// A time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Seconds<const MIN: u32, const MAX: u32>(Whole<MIN, MAX>);

impl<const MIN: u32, const MAX: u32> Seconds<MIN, MAX> {
    /// The time.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.get().into())
    }
}

/// A time in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds<const MIN: u32, const MAX: u32>(Whole<MIN, MAX>);

impl<const MIN: u32, const MAX: u32> Milliseconds<MIN, MAX> {
    /// The time.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0.get().into())
    }
}

/// How long turns are kept, in whole days, up to the domain's own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Days(TimeToLive);

impl Days {
    const SECONDS: u32 = 86_400;
    const MAX: u32 = TimeToLive::MAX_SECONDS / Self::SECONDS;

    /// The time.
    pub const fn time_to_live(self) -> TimeToLive {
        self.0
    }
}

impl TryFrom<i64> for Days {
    type Error = OutOfBounds;

    fn try_from(days: i64) -> Result<Self, OutOfBounds> {
        let seconds = u64::try_from(days).ok().and_then(|days| days.checked_mul(Self::SECONDS.into()));
        let time_to_live = seconds.and_then(|seconds| TimeToLive::try_from(seconds).ok());
        time_to_live.map(Self).ok_or(OutOfBounds { min: 1, max: Self::MAX.into() })
    }
}

/// After how many tokens the scripted engine fails, if it does; -1 in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct FailAfter(Option<u32>);

impl FailAfter {
    const MAX: u32 = 1_000_000;

    /// The number of tokens.
    pub const fn tokens(self) -> Option<u32> {
        self.0
    }
}

impl TryFrom<i64> for FailAfter {
    type Error = OutOfBounds;

    fn try_from(number: i64) -> Result<Self, OutOfBounds> {
        match u32::try_from(number) {
            Ok(tokens) if tokens <= Self::MAX => Ok(Self(Some(tokens))),
            _ if number == -1 => Ok(Self(None)),
            _ => Err(OutOfBounds { min: -1, max: Self::MAX.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let parse = Whole::<2, 5>::try_from;
        assert_eq!(parse(2).map(Whole::get), Ok(2));
        assert_eq!(parse(5).map(Whole::get), Ok(5));
        for bad in [1, 6, -2, i64::MAX] {
            assert_eq!(parse(bad).unwrap_err().to_string(), "must be from 2 to 5", "{bad}");
        }
    }

    #[test]
    fn days_end_where_the_domain_ends() {
        assert_eq!(Days::try_from(60).map(|days| days.time_to_live().seconds()), Ok(5_184_000));
        assert!(Days::try_from(3650).is_ok());
        for bad in [0, -1, 3651, i64::MAX] {
            assert_eq!(Days::try_from(bad).unwrap_err().to_string(), "must be from 1 to 3650", "{bad}");
        }
    }

    #[test]
    fn minus_one_is_never() {
        assert_eq!(FailAfter::try_from(-1).map(FailAfter::tokens), Ok(None));
        assert_eq!(FailAfter::try_from(0).map(FailAfter::tokens), Ok(Some(0)));
        assert!(FailAfter::try_from(-2).is_err());
    }
}
