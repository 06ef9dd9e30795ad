//! How the time for stopping is spent.

use std::time::Duration;

/// Shares of `server.shutdown_seconds`, in the order in which they are spent. Together they are no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For answers that are being made.
    pub(crate) turns: Duration,
    /// For storing what had to be cut off: what `LiveRunner::drain` takes beyond the patience it is given.
    pub(crate) cut_off: Duration,
    /// For the responses that carry the answers.
    pub(crate) responses: Duration,
    /// For a turn that slipped in while the last look was taken.
    pub(crate) latecomers: Duration,
    /// For giving the lease up.
    pub(crate) lease: Duration,
    /// For blocking work, once everything has ended.
    pub(crate) last_words: Duration,
}

impl Patience {
    /// From ten seconds on five are kept for the steps that need a second or two; with less each gets less. Of the
    /// rest a fifth, but at least a second, is for responses.
    pub(crate) fn share(total: Duration) -> Self {
        let step = (total / 10).min(Duration::from_secs(1));
        let rest = total.saturating_sub(5 * step);
        let responses = (rest / 5).max(Duration::from_secs(1)).min(rest);
        Self {
            turns: rest.saturating_sub(responses),
            cut_off: 2 * step,
            responses,
            latecomers: step,
            lease: step,
            last_words: step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_stopping_fits_into_the_time_for_it() {
        for seconds in 1..=600 {
            let total = Duration::from_secs(seconds);
            let Patience { turns, cut_off, responses, latecomers, lease, last_words } = Patience::share(total);
            assert_eq!(turns + cut_off + responses + latecomers + lease + last_words, total, "{seconds}");
            assert!(
                [cut_off, responses, latecomers, lease, last_words].iter().all(|step| !step.is_zero()),
                "{seconds}"
            );
        }
    }

    #[test]
    fn answers_get_most_of_it() {
        for (total, turns, responses) in [(1, 0, 500), (2, 0, 1_000), (5, 1_500, 1_000), (25, 16_000, 4_000)] {
            let patience = Patience::share(Duration::from_secs(total));
            assert_eq!((patience.turns.as_millis(), patience.responses.as_millis()), (turns, responses), "{total}");
        }
    }

    #[test]
    fn what_is_cut_off_gets_the_two_seconds_that_the_runner_takes_for_it() {
        assert_eq!(Patience::share(Duration::from_secs(10)).cut_off, Duration::from_secs(2));
    }
}
