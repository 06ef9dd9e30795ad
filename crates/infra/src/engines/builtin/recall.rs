//! What is remembered of a conversation, and how it is told.

use std::ops::Deref;

use domain::chat::PastTurn;

use super::patterns::{Fact, Recall, fact_of};
use super::words::clauses;

/// The most characters of somebody's own words that are repeated to them at once.
const MAX_QUOTE: usize = 300;

/// The most things in a list.
const MAX_LISTED: usize = 20;

/// The facts of a conversation, one for each key, in the order in which they were last stated.
pub(super) struct Memory {
    facts: Vec<Fact>,
}

impl Memory {
    pub(super) fn of(context: &[PastTurn]) -> Self {
        let mut memory = Self { facts: Vec::new() };
        for turn in context {
            clauses(&turn.question).iter().filter_map(fact_of).for_each(|fact| memory.learn(fact));
        }
        memory
    }

    /// Takes a fact in; what was stated later about the same thing wins.
    pub(super) fn learn(&mut self, fact: Fact) {
        self.facts.retain(|known| known.key != fact.key);
        self.facts.push(fact);
    }

    fn fact(&self, key: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.key == key)
    }

    /// The user's name: as it was given, or else what the user claims to be, if that looks like a name.
    fn name(&self) -> Option<&Fact> {
        let looks_like_a_name =
            |fact: &&Fact| fact.value.split(' ').count() <= 2 && fact.value.starts_with(char::is_uppercase);
        self.fact("my name").or_else(|| self.fact("i am").filter(looks_like_a_name))
    }
}

/// What is said to somebody who stated `facts`.
pub(super) fn confirmation(facts: &[Fact]) -> String {
    if let [Fact { key, value, .. }] = facts
        && key == "my name"
    {
        return format!("Nice to meet you, {}.", clipped(value));
    }
    format!("Noted: {}.", told(facts.iter()))
}

/// What is said to somebody who said hello.
pub(super) fn greeting(memory: &Memory) -> String {
    match memory.name() {
        Some(name) => format!("Hello, {}! Ask me what you told me before.", clipped(&name.value)),
        None => "Hello! No language model is connected, but I remember what you tell me: what is your name?".to_owned(),
    }
}

/// The answer to a question for something that was said; `None` if the question may mean something else.
pub(super) fn answer(recall: &Recall, memory: &impl Deref<Target = Memory>, context: &[PastTurn]) -> Option<String> {
    let answer = match recall {
        Recall::Fact { key, only_if_known } => {
            let known = if key == "my name" { memory.name() } else { memory.fact(key) };
            match known {
                Some(fact) => sentence(&clipped(&fact.said)),
                None if *only_if_known => return None,
                None => unknown(key),
            }
        }
        Recall::Self_ => {
            let known = ["my name", "i am"].into_iter().filter_map(|key| memory.fact(key));
            match told(known) {
                nothing if nothing.is_empty() => {
                    "You have not told me who you are in the part of this conversation that I see.".to_owned()
                }
                told => sentence(&told),
            }
        }
        Recall::Everything if memory.facts.is_empty() => {
            "Nothing yet: you have not told me anything about yourself in the part of this conversation that I see."
                .to_owned()
        }
        Recall::Everything => format!("I remember this: {}.", told(memory.facts.iter())),
        Recall::LastQuestion => asked("Before this, you said", context.last()),
        Recall::FirstQuestion => asked("The first thing that I still have before me is", context.first()),
        Recall::AllQuestions => match context {
            [] => asked("", None),
            [one] => asked("You said", Some(one)),
            many => {
                let newest = &many[many.len().saturating_sub(MAX_LISTED)..];
                let quotes: Vec<String> = newest.iter().map(|turn| quoted(&turn.question)).collect();
                format!("You said, in this order: {}.", quotes.join(", "))
            }
        },
    };
    Some(answer)
}

fn unknown(key: &str) -> String {
    match key.strip_prefix("my ") {
        Some(subject) => {
            let subject = clipped(subject);
            format!(
                "You have not told me your {subject} in the part of this conversation that I see. \
                 Say “My {subject} is …”, and I will remember it."
            )
        }
        None => "You have not told me that in the part of this conversation that I see.".to_owned(),
    }
}

fn asked(introduction: &str, turn: Option<&PastTurn>) -> String {
    match turn {
        Some(turn) => format!("{introduction} {}.", quoted(&turn.question)),
        None => "This is the first thing that you say in this conversation, as far as I can see.".to_owned(),
    }
}

fn told<'a>(facts: impl Iterator<Item = &'a Fact>) -> String {
    let facts: Vec<String> = facts.take(MAX_LISTED).map(|fact| clipped(&fact.said)).collect();
    facts.join("; ")
}

fn quoted(text: &str) -> String {
    format!("“{}”", clipped(text.trim()))
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(['.']).collect()
}
