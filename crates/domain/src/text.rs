//! What every stored text has in common.

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing, or only white space.
    #[error("must not be empty")]
    Empty,
    /// More UTF-8 bytes than `max`.
    #[error("must not be longer than {max} bytes")]
    TooLong {
        /// The most bytes.
        max: usize,
    },
    /// U+0000, which PostgreSQL cannot store.
    #[error("must not contain U+0000")]
    Nul,
}

/// `text`, if it is no longer than `max` bytes, says something, and can be stored everywhere.
pub fn bounded(text: String, max: usize) -> Result<String, InvalidText> {
    if text.len() > max {
        return Err(InvalidText::TooLong { max });
    }
    if text.contains('\0') {
        return Err(InvalidText::Nul);
    }
    if text.trim().is_empty() {
        return Err(InvalidText::Empty);
    }
    Ok(text)
}

/// An estimate of how many tokens a text has: a token for every four bytes begun.
///
/// It is used until the model's own count is known; see docs/PERFORMANCE.md for why there is no tokenizer.
pub fn estimated_tokens(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(4)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_refused_for_the_first_rule_it_breaks() {
        assert_eq!(bounded("  \n".into(), 10), Err(InvalidText::Empty));
        assert_eq!(bounded("a\0b".into(), 10), Err(InvalidText::Nul));
        assert_eq!(bounded("ä".repeat(6), 10), Err(InvalidText::TooLong { max: 10 }));
        assert_eq!(bounded(" hi ".into(), 10).as_deref(), Ok(" hi "));
    }

    #[test]
    fn tokens_are_bytes_by_four_rounded_up() {
        assert_eq!(estimated_tokens(""), 0);
        assert_eq!(estimated_tokens("abc"), 1);
        assert_eq!(estimated_tokens("abcde"), 2);
    }
}
