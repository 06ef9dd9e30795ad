use std::time::Duration;

use chrono::{DateTime, Utc};

/// What is remembered of the attempts to log in to one account, and how long the next one has to wait for that.
///
/// The first five are free; then each has to wait after the one before it: a second, two, four and so on, a quarter of
/// an hour at the most. A day after the last one all are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    charged: u32,
    last: DateTime<Utc>,
}

impl Failures {
    /// How many attempts need not wait.
    pub const FREE: u32 = 5;
    /// The longest wait.
    pub const LONGEST: Duration = Duration::from_secs(15 * 60);
    /// How long attempts are remembered.
    pub const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

    /// What is remembered after one more attempt; how long to wait if it comes too early, and then nothing changes.
    pub fn charge(before: Option<Self>, now: DateTime<Utc>) -> Result<Self, Duration> {
        let before = before.filter(|before| before.age(now) < Self::MEMORY);
        match before.map(|before| before.wait(now)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(Self { charged: before.map_or(0, |before| before.charged).saturating_add(1), last: now }),
        }
    }

    /// What is remembered once an attempt is taken out.
    pub fn discharge(self) -> Option<Self> {
        (self.charged > 1).then_some(Self { charged: self.charged - 1, ..self })
    }

    fn wait(self, now: DateTime<Utc>) -> Duration {
        let Some(doublings) = self.charged.checked_sub(Self::FREE) else { return Duration::ZERO };
        let delay = 1_u64.checked_shl(doublings).map_or(Self::LONGEST, Duration::from_secs).min(Self::LONGEST);
        delay.saturating_sub(self.age(now))
    }

    /// Nothing at all if the clock was put back meanwhile.
    fn age(self, now: DateTime<Utc>) -> Duration {
        (now - self.last).to_std().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn after(charged: u32) -> Failures {
        Failures { charged, last: at(0) }
    }

    fn wait(charged: u32) -> u64 {
        Failures::charge(Some(after(charged)), at(0)).map_or_else(|wait| wait.as_secs(), |_| 0)
    }

    #[test]
    fn s03_waits_double_after_five_and_end_at_a_quarter_of_an_hour() {
        assert_eq!(
            [0, 1, 4, 5, 6, 7, 8, 14, 15, 16, 100, u32::MAX].map(wait),
            [0, 0, 0, 1, 2, 4, 8, 512, 900, 900, 900, 900]
        );
    }

    #[test]
    fn s03_an_attempt_that_has_waited_is_admitted_and_the_next_waits_for_longer() {
        let sixth = Failures::charge(Some(after(5)), at(1)).unwrap();
        assert_eq!(Failures::charge(Some(sixth), at(1)), Err(Duration::from_secs(2)));
        assert_eq!(Failures::charge(Some(sixth), at(2)), Err(Duration::from_secs(1)));
        assert_eq!(Failures::charge(Some(sixth), at(3)), Ok(Failures { charged: 7, last: at(3) }));
    }

    #[test]
    fn s03_a_day_later_all_is_forgotten() {
        let day = 24 * 60 * 60;
        assert_eq!(Failures::charge(Some(after(100)), at(day)), Ok(Failures { charged: 1, last: at(day) }));
        assert_eq!(Failures::charge(Some(after(3)), at(day - 1)), Ok(Failures { charged: 4, last: at(day - 1) }));
    }

    #[test]
    fn a_clock_that_is_put_back_makes_no_wait_longer() {
        assert_eq!(Failures::charge(Some(after(7)), at(-86_400 * 365)), Err(Duration::from_secs(4)));
    }

    #[test]
    fn an_attempt_can_be_taken_out() {
        assert_eq!(after(6).discharge(), Some(after(5)));
        assert_eq!(after(1).discharge(), None);
    }
}
