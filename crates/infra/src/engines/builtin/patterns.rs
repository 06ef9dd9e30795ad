//! The table of patterns: what counts as a statement about oneself, and what as a question about it.

use super::words::{Clause, Word};

/// Something that was stated, in the second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    /// What it is about, in lower case and in the first person: `my name`, `i live`.
    pub(super) key: String,
    /// What was said about it: `Ada`, `in London`.
    pub(super) value: String,
    /// The whole of it: `your name is Ada`.
    pub(super) said: String,
}

/// What a question wants to hear again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    /// The fact of that key; `None` is answered if there is no such fact and the question may mean something else.
    Fact { key: String, only_if_known: bool },
    /// Who the user is.
    Self_,
    /// All facts.
    Everything,
    /// The question before this one.
    LastQuestion,
    /// The first question.
    FirstQuestion,
    /// Every question.
    AllQuestions,
}

/// How a statement begins, the key of its fact, and how the fact is told. The first that fits counts.
const STATEMENTS: &[(&[&str], &str, &str)] = &[
    (&["my", "name", "is"], "my name", "your name is"),
    (&["call", "me"], "my name", "your name is"),
    (&["i", "am", "called"], "my name", "your name is"),
    (&["i", "am", "named"], "my name", "your name is"),
    (&["i", "come", "from"], "i am from", "you are from"),
    (&["i", "am", "from"], "i am from", "you are from"),
    (&["i", "live"], "i live", "you live"),
    (&["i", "work"], "i work", "you work"),
    (&["i", "study"], "i study", "you study"),
    (&["i", "speak"], "i speak", "you speak"),
    (&["i", "like"], "i like", "you like"),
    (&["i", "love"], "i love", "you love"),
    (&["i", "hate"], "i hate", "you hate"),
    (&["i", "prefer"], "i prefer", "you prefer"),
    (&["i", "am"], "i am", "you are"),
];

/// How a question for one fact begins, and the fact's key.
const QUESTIONS: &[(&[&str], &str)] = &[
    (&["where", "do", "i", "live"], "i live"),
    (&["where", "do", "i", "come", "from"], "i am from"),
    (&["where", "am", "i", "from"], "i am from"),
    (&["where", "do", "i", "work"], "i work"),
    (&["what", "do", "i", "study"], "i study"),
    (&["what", "do", "i", "speak"], "i speak"),
    (&["what", "languages", "do", "i", "speak"], "i speak"),
    (&["what", "do", "i", "like"], "i like"),
    (&["what", "do", "i", "love"], "i love"),
    (&["what", "do", "i", "hate"], "i hate"),
    (&["what", "do", "i", "prefer"], "i prefer"),
    (&["what", "am", "i", "called"], "my name"),
];

/// How a question for something else that was said begins.
const RECALLS: &[(&[&str], Recall)] = &[
    (&["who", "am", "i"], Recall::Self_),
    (&["what", "do", "you", "remember"], Recall::Everything),
    (&["what", "do", "you", "know", "about", "me"], Recall::Everything),
    (&["what", "did", "i", "tell", "you"], Recall::Everything),
    (&["what", "have", "i", "told", "you"], Recall::Everything),
    (&["what", "did", "i", "ask", "you", "to", "remember"], Recall::Everything),
    (&["me"], Recall::Everything),
    (&["about", "me"], Recall::Everything),
    (&["what", "did", "i", "ask", "first"], Recall::FirstQuestion),
    (&["what", "did", "i", "ask", "you", "first"], Recall::FirstQuestion),
    (&["what", "did", "i", "first", "ask"], Recall::FirstQuestion),
    (&["what", "was", "my", "first", "question"], Recall::FirstQuestion),
    (&["what", "was", "the", "first", "question"], Recall::FirstQuestion),
    (&["what", "was", "the", "first", "thing", "i", "asked"], Recall::FirstQuestion),
    (&["what", "did", "i", "ask"], Recall::LastQuestion),
    (&["what", "did", "i", "just", "ask"], Recall::LastQuestion),
    (&["what", "did", "i", "say"], Recall::LastQuestion),
    (&["what", "did", "i", "just", "say"], Recall::LastQuestion),
    (&["what", "was", "my", "last", "question"], Recall::LastQuestion),
    (&["what", "was", "my", "previous", "question"], Recall::LastQuestion),
    (&["what", "was", "my", "question"], Recall::LastQuestion),
    (&["repeat", "my", "question"], Recall::LastQuestion),
    (&["repeat", "my", "last", "question"], Recall::LastQuestion),
    (&["my", "last", "question"], Recall::LastQuestion),
    (&["what", "have", "i", "asked"], Recall::AllQuestions),
    (&["what", "questions"], Recall::AllQuestions),
    (&["which", "questions"], Recall::AllQuestions),
    (&["what", "were", "my", "questions"], Recall::AllQuestions),
];

/// What a clause may begin with before it comes to the point.
const PREAMBLES: &[&[&str]] = &[
    &["and"],
    &["but"],
    &["so"],
    &["well"],
    &["ok"],
    &["okay"],
    &["please"],
    &["also"],
    &["now"],
    &["no"],
    &["yes"],
    &["actually"],
    &["hi"],
    &["hello"],
    &["hey"],
    &["again"],
];

/// What a request for something that was said may begin with.
const REQUESTS: &[&[&str]] = &[
    &["can", "you"],
    &["could", "you"],
    &["do", "you", "know"],
    &["do", "you", "remember"],
    &["do", "you", "still", "know"],
    &["do", "you", "still", "remember"],
    &["tell", "me"],
    &["remind", "me"],
];

/// What makes a clause something to be kept, whatever it says.
const TO_BE_KEPT: &[&[&str]] = &[
    &["remember"],
    &["memorize"],
    &["memorise"],
    &["note"],
    &["keep", "in", "mind"],
    &["do", "not", "forget"],
    &["never", "forget"],
];

/// What nobody asks to be remembered; asking for it need not search the conversation.
const NO_SUBJECTS: &[&str] = &["it", "that", "this", "next", "new", "up", "wrong"];

const GREETINGS: &[&str] = &["hi", "hello", "hey", "hallo", "greetings", "good"];

/// The most words that a subject (`my sister's favourite colour`) may have.
const MAX_SUBJECT: usize = 8;

/// What a clause states, if it is a statement.
pub(super) fn fact_of(clause: &Clause<'_>) -> Option<Fact> {
    if clause.is_question {
        return None;
    }
    let words = without_openings(&clause.words, PREAMBLES);
    let told = TO_BE_KEPT.iter().find_map(|opening| after(words, opening));
    let words = told.map_or(words, |rest| after(rest, &["that"]).unwrap_or(rest));

    let first_person = STATEMENTS.iter().find_map(|(opening, key, saying)| {
        let value = second_person(after(words, opening)?);
        (!value.is_empty()).then(|| Fact { key: (*key).to_owned(), said: format!("{saying} {value}"), value })
    });
    first_person.or_else(|| attribute_of(words, told.is_some())).or_else(|| {
        let note = second_person(words);
        // One word says nothing: it is rather "Remember?" or "Note:".
        let is_note = told.is_some() && words.len() > 1;
        is_note.then(|| Fact { key: format!("note {note}"), value: note.clone(), said: note })
    })
}

/// What a clause wants to hear again, if it asks for something that was said.
pub(super) fn recall_of(clause: &Clause<'_>) -> Option<Recall> {
    let asked = without_openings(&clause.words, PREAMBLES);
    let words = without_openings(asked, REQUESTS);
    let requested = words.len() < asked.len();
    if let Some((_, recall)) = RECALLS.iter().find(|(opening, _)| after(words, opening).is_some())
        // "Me" and "about me" alone ask for nothing.
        && (words.len() > 2 || requested)
    {
        return Some(recall.clone());
    }
    if let Some((_, key)) = QUESTIONS.iter().find(|(opening, _)| after(words, opening).is_some()) {
        return Some(Recall::Fact { key: (*key).to_owned(), only_if_known: false });
    }
    let interrogative = ["what", "who", "when", "where"]
        .iter()
        .find_map(|asks| ["is", "are", "was", "were"].iter().find_map(|copula| after(words, &[*asks, *copula])));
    let subject = interrogative.or_else(|| requested.then_some(words))?;
    let subject = match subject {
        [subject @ .., last] if last.plain == "please" => subject,
        subject => subject,
    };
    let key = key_of(subject)?;
    let mine = key.starts_with("my ");
    let may_be_known = interrogative.is_some() && !NO_SUBJECTS.contains(&key.as_str());
    (mine || may_be_known).then_some(Recall::Fact { key, only_if_known: !mine })
}

/// Whether a clause says hello.
pub(super) fn is_greeting(clause: &Clause<'_>) -> bool {
    clause.words.len() <= 4 && clause.words.first().is_some_and(|word| GREETINGS.contains(&word.plain.as_str()))
}

/// `my X is Y`, and of things to be remembered also `the X is Y`.
fn attribute_of(words: &[Word<'_>], to_be_kept: bool) -> Option<Fact> {
    let mine = words.first()?.plain == "my";
    if !mine && !to_be_kept {
        return None;
    }
    let copula = words.iter().position(|word| ["is", "are", "was", "were"].contains(&word.plain.as_str()))?;
    let (subject, rest) = words.split_at(copula);
    let (copula, value) = rest.split_first()?;
    let key = key_of(subject)?;
    let value = second_person(value);
    if value.is_empty() || key == "my" {
        return None;
    }
    let said = format!("{} {} {value}", second_person(subject), copula.plain);
    Some(Fact { key, value, said })
}

fn key_of(subject: &[Word<'_>]) -> Option<String> {
    let words: Vec<&str> = subject.iter().map(|word| word.plain.as_str()).collect();
    (1..=MAX_SUBJECT).contains(&words.len()).then(|| words.join(" "))
}

fn after<'a, 'text>(words: &'a [Word<'text>], opening: &[&str]) -> Option<&'a [Word<'text>]> {
    let (head, rest) = words.split_at_checked(opening.len())?;
    head.iter().map(|word| word.plain.as_str()).eq(opening.iter().copied()).then_some(rest)
}

fn without_openings<'a, 'text>(mut words: &'a [Word<'text>], openings: &[&[&str]]) -> &'a [Word<'text>] {
    while let Some(rest) = openings.iter().find_map(|opening| after(words, opening)).filter(|rest| !rest.is_empty()) {
        words = rest;
    }
    words
}

/// The words as they are said to the one who said them.
fn second_person(words: &[Word<'_>]) -> String {
    let last = words.len().saturating_sub(1);
    let mut text = String::new();
    for (position, word) in words.iter().enumerate() {
        if position > 0 {
            text.push(' ');
        }
        text.push_str(match word.plain.as_str() {
            "i" | "me" => "you",
            "am" => "are",
            "my" => "your",
            "mine" => "yours",
            "myself" => "yourself",
            _ => word.shown,
        });
        if word.has_comma() && position < last {
            text.push(',');
        }
    }
    text
}
