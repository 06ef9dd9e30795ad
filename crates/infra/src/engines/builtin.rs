//! An engine that needs nothing: it remembers what it is told in a conversation, and says so when it cannot answer.

mod patterns;
mod recall;
mod words;

use std::cell::LazyCell;

use async_trait::async_trait;
use domain::chat::{
    ChatEngine, EngineError, EngineEvent, EngineRequest, EngineStream, FinishReason, OfferedModel, PastTurn,
};
use domain::conversation::ModelName;
use futures_util::{StreamExt as _, stream};

use self::patterns::{Recall, fact_of, is_greeting, recall_of};
use self::recall::{Memory, answer};
use self::words::clauses;

/// Said when no pattern fits. It names every way to a real model, as this is what most people see first.
const NO_MODEL: &str = "No language model is connected, so I cannot answer that. I only remember what you tell me: \
    try “My name is Ada”, and then “What is my name?”. To connect a model, set OPENAI_API_KEY (or another \
    provider's key) and restart; or set engine.kind = \"openai\" and engine.openai.base_url, in the environment \
    COLLOQUY__ENGINE__KIND=openai and COLLOQUY__ENGINE__OPENAI__BASE_URL=http://localhost:11434/v1.";

/// The most answers to one question, however many it consists of.
const MAX_ANSWERS: usize = 8;

/// The engine of a server to which no model is connected.
///
/// It is stateless and deterministic: all it knows is in [`EngineRequest::context`] and in the question.
#[derive(Clone, Debug)]
pub struct BuiltinEngine {
    model: ModelName,
}

impl BuiltinEngine {
    /// The engine with the one model `builtin`.
    pub fn new() -> Self {
        Self { model: super::own_name("builtin") }
    }
}

impl Default for BuiltinEngine {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ChatEngine for BuiltinEngine {
    fn models(&self) -> Vec<OfferedModel> {
        vec![OfferedModel { name: self.model.clone(), provider: "builtin".to_owned() }]
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        let reply = reply(&request.context, &request.question);
        let model = EngineEvent::Model(self.model.clone());
        let words = WordByWord { text: reply, told: 0 }.map(EngineEvent::Text);
        let events = std::iter::once(model).chain(words).chain([EngineEvent::Finish(FinishReason::Stop)]);
        Ok(stream::iter(events.map(Ok)).boxed())
    }
}

fn reply(context: &[PastTurn], question: &str) -> String {
    let clauses = clauses(question);
    let facts: Vec<_> = clauses.iter().filter_map(fact_of).collect();
    let recalls: Vec<Recall> = clauses.iter().filter_map(recall_of).take(MAX_ANSWERS).collect();

    let mut sentences = Vec::new();
    if !facts.is_empty() {
        sentences.push(recall::confirmation(&facts));
    }
    if !recalls.is_empty() {
        // Lazily, because reading the whole context costs more than everything else here.
        let memory = LazyCell::new(|| {
            let mut memory = Memory::of(context);
            for fact in facts {
                memory.learn(fact);
            }
            memory
        });
        sentences.extend(recalls.iter().filter_map(|recall| answer(recall, &memory, context)));
    }
    if !sentences.is_empty() {
        return sentences.join(" ");
    }
    if clauses.first().is_some_and(is_greeting) && clauses.len() == 1 {
        return recall::greeting(&Memory::of(context));
    }
    NO_MODEL.to_owned()
}

/// A text in pieces of one word each; together they are the text.
struct WordByWord {
    text: String,
    told: usize,
}

impl Iterator for WordByWord {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let word = self.text.get(self.told..)?.split_inclusive(char::is_whitespace).next()?;
        self.told += word.len();
        Some(word.to_owned())
    }
}

#[cfg(test)]
mod tests;
