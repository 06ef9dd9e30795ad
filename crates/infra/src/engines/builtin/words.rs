//! Questions cut into clauses, and clauses into words that can be compared.

/// What is read of a text, in bytes. People introduce themselves briefly; a pasted document is not searched.
const MAX_READ: usize = 4096;

/// Words that begin a clause of their own after a comma, `and` or `but`.
const STARTERS: &[&str] =
    &["i", "my", "what", "who", "where", "when", "which", "please", "remember", "call", "how", "can", "do", "tell"];

const JOINERS: &[&str] = &["and", "but"];

/// Contractions and what they stand for.
const CONTRACTIONS: &[(&str, [&str; 2])] = &[
    ("i'm", ["I", "am"]),
    ("im", ["I", "am"]),
    ("i've", ["I", "have"]),
    ("what's", ["what", "is"]),
    ("whats", ["what", "is"]),
    ("who's", ["who", "is"]),
    ("whos", ["who", "is"]),
    ("where's", ["where", "is"]),
    ("name's", ["name", "is"]),
    ("don't", ["do", "not"]),
    ("dont", ["do", "not"]),
];

/// What came after a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Nothing,
    Comma,
    Statement,
    Question,
}

/// A word, as it was written and as it is compared.
#[derive(Debug)]
pub(super) struct Word<'a> {
    /// Without the punctuation around it.
    pub(super) shown: &'a str,
    /// In lower case.
    pub(super) plain: String,
    stop: Stop,
}

impl<'a> Word<'a> {
    fn new(shown: &'a str, stop: Stop) -> Self {
        let lower = shown.to_lowercase();
        let plain = if lower.contains('’') { lower.replace('’', "'") } else { lower };
        Self { shown, plain, stop }
    }

    /// Whether a comma follows.
    pub(super) fn has_comma(&self) -> bool {
        self.stop == Stop::Comma
    }
}

/// A part of a text that may match one pattern.
#[derive(Debug, Default)]
pub(super) struct Clause<'a> {
    pub(super) words: Vec<Word<'a>>,
    /// It ended with a question mark.
    pub(super) is_question: bool,
}

/// The clauses of a text, in their order; none is empty.
pub(super) fn clauses(text: &str) -> Vec<Clause<'_>> {
    let end = (0..=MAX_READ.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let text = &text[..end.unwrap_or_default()];
    let mut cutter = Cutter::default();
    for line in text.lines() {
        line.split_whitespace().for_each(|raw| cutter.push(raw));
        cutter.cut(false);
    }
    cutter.clauses
}

#[derive(Default)]
struct Cutter<'a> {
    clauses: Vec<Clause<'a>>,
    current: Clause<'a>,
}

impl<'a> Cutter<'a> {
    fn push(&mut self, raw: &'a str) {
        let (shown, stop) = trim(raw);
        if !shown.is_empty() {
            let word = Word::new(shown, stop);
            match CONTRACTIONS.iter().find(|(short, _)| *short == word.plain) {
                Some((_, [first, second])) => {
                    self.add(Word::new(first, Stop::Nothing));
                    self.add(Word::new(second, stop));
                }
                None => self.add(word),
            }
        }
        match stop {
            Stop::Question => self.cut(true),
            Stop::Statement => self.cut(false),
            Stop::Comma | Stop::Nothing => {}
        }
    }

    fn add(&mut self, word: Word<'a>) {
        if STARTERS.contains(&word.plain.as_str())
            && let Some(last) = self.current.words.last()
        {
            let joined = JOINERS.contains(&last.plain.as_str());
            if joined || last.has_comma() {
                if joined {
                    self.current.words.pop();
                }
                self.cut(false);
            }
        }
        self.current.words.push(word);
    }

    fn cut(&mut self, is_question: bool) {
        let clause = std::mem::take(&mut self.current);
        if !clause.words.is_empty() {
            self.clauses.push(Clause { is_question, ..clause });
        }
    }
}

/// A word without the punctuation around it, and what that punctuation means. Signs that are not punctuation
/// (`C++`, `#1`, emoji) belong to the word.
fn trim(raw: &str) -> (&str, Stop) {
    let punctuation = |c: char| ".,!?;:\"'()[]{}…“”„«»‘’¿¡".contains(c) || "。！？，、；：".contains(c);
    let shown = raw.trim_matches(punctuation);
    let after = &raw[raw.trim_end_matches(punctuation).len()..];
    let stop = if after.contains(['?', '？']) {
        Stop::Question
    } else if after.contains(['.', '!', ';', '…', '。', '！', '；']) {
        Stop::Statement
    } else if after.contains([',', '，', '、']) {
        Stop::Comma
    } else {
        Stop::Nothing
    };
    (shown, stop)
}
