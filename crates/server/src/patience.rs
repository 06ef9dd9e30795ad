//! How the time for stopping is spent.

use std::time::Duration;

/// The steps of stopping, in their order. Together they take `server.shutdown_seconds` and five more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For answers that are being made: all of `server.shutdown_seconds`.
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
    /// The steps, where answers get so long.
    pub(crate) const fn with_answers(turns: Duration) -> Self {
        Self {
            turns,
            cut_off: Duration::from_secs(2),
            responses: Duration::from_secs(1),
            latecomers: Duration::from_millis(500),
            lease: Duration::from_millis(500),
            last_words: Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_takes_five_seconds_more_than_answers_get() {
        let answers = Duration::from_secs(25);
        let Patience { turns, cut_off, responses, latecomers, lease, last_words } = Patience::with_answers(answers);
        assert_eq!(turns, answers);
        assert_eq!(cut_off + responses + latecomers + lease + last_words, Duration::from_secs(5));
    }
}
