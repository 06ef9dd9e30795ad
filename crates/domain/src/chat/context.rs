use chrono::{DateTime, Utc};

/// A turn that an engine may be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastTurn {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub response: String,
    /// Both texts together, in tokens, as stored with the turn.
    pub tokens: u32,
    /// From when on it must not be used.
    pub expiry_timestamp: DateTime<Utc>,
}

/// How much of a conversation an engine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextBudget {
    /// At most so many turns.
    pub max_turns: u16,
    /// At most so many tokens, all turns together.
    pub max_tokens: u32,
}

/// The turns that an engine is told of, oldest first, out of `newest_first`.
///
/// Newest turns are taken first, each whole or not at all, until one does not fit the budget: what is told
/// has no hole in it. Expired turns are passed over; they count for nothing.
pub fn select_context(newest_first: Vec<PastTurn>, budget: ContextBudget, now: DateTime<Utc>) -> Vec<PastTurn> {
    let mut tokens_left = budget.max_tokens;
    let mut selected: Vec<PastTurn> = newest_first
        .into_iter()
        .filter(|turn| turn.expiry_timestamp > now)
        .take(usize::from(budget.max_turns))
        .map_while(|turn| {
            tokens_left = tokens_left.checked_sub(turn.tokens)?;
            Some(turn)
        })
        .collect();
    selected.reverse();
    selected
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn moment() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    /// Newest first; the question is the turn's age, so that order can be told.
    fn history() -> impl Strategy<Value = Vec<PastTurn>> {
        prop::collection::vec((0u32..400, -2i64..50), 0..60).prop_map(|turns| {
            turns
                .into_iter()
                .enumerate()
                .map(|(age, (tokens, seconds_left))| PastTurn {
                    question: age.to_string(),
                    response: String::new(),
                    tokens,
                    expiry_timestamp: moment() + TimeDelta::seconds(seconds_left),
                })
                .collect()
        })
    }

    fn age(turn: &PastTurn) -> usize {
        turn.question.parse().unwrap()
    }

    proptest! {
        #[test]
        fn the_budget_holds(history in history(), max_turns in 0u16..40, max_tokens in 0u32..5_000) {
            let selected = select_context(history, ContextBudget { max_turns, max_tokens }, moment());
            prop_assert!(selected.len() <= usize::from(max_turns));
            prop_assert!(selected.iter().map(|t| t.tokens).sum::<u32>() <= max_tokens);
        }

        #[test]
        fn expired_turns_are_never_told(history in history()) {
            let budget = ContextBudget { max_turns: 100, max_tokens: u32::MAX };
            let selected = select_context(history.clone(), budget, moment());
            prop_assert!(selected.iter().all(|t| t.expiry_timestamp > moment()));
            prop_assert_eq!(selected.len(), history.iter().filter(|t| t.expiry_timestamp > moment()).count());
        }

        #[test]
        fn the_result_is_chronological_whole_and_the_newest(history in history(), max_turns in 0u16..40, max_tokens in 0u32..5_000) {
            let budget = ContextBudget { max_turns, max_tokens };
            let selected = select_context(history.clone(), budget, moment());
            prop_assert!(selected.is_sorted_by(|older, newer| age(older) > age(newer)));
            prop_assert!(selected.iter().all(|turn| history.contains(turn)));
            let live: Vec<_> = history.into_iter().filter(|t| t.expiry_timestamp > moment()).collect();
            let newest: Vec<_> = live.iter().take(selected.len()).rev().cloned().collect();
            prop_assert_eq!(&selected, &newest);
            if let Some(next) = live.get(selected.len()) {
                let used: u32 = selected.iter().map(|t| t.tokens).sum();
                prop_assert!(selected.len() == usize::from(max_turns) || used + next.tokens > max_tokens, "one more would have fitted");
            }
        }
    }
}
