//! What comes back, as far as it is used.
//!
//! These are types of our own, because those of `async-openai` ask for `id`, `created`, `object` and a known
//! `finish_reason`, which compatible servers leave out, set to null or invent.

use domain::chat::FinishReason;
use domain::conversation::Usage;
use serde::Deserialize;

/// An event of a stream, or, with `message` in place of `delta`, a whole answer.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Counts>,
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Option<Content>,
    refusal: Option<String>,
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
}

/// Mistral's reasoning models answer in pieces, of which only the ones of text are for the user.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Pieces(Vec<Piece>),
}

#[derive(Debug, Deserialize)]
struct Piece {
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Counts {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

impl Chunk {
    /// What the server says went wrong, if something did.
    pub(super) const fn error(&self) -> Option<&serde_json::Value> {
        self.error.as_ref()
    }

    /// The tokens counted so far.
    pub(super) fn usage(&self) -> Option<Usage> {
        let counts = self.usage.as_ref()?;
        let (input, output) = (counts.prompt_tokens, counts.completion_tokens);
        let counted = input.is_some() || output.is_some();
        counted.then(|| Usage { input_tokens: input.unwrap_or_default(), output_tokens: output.unwrap_or_default() })
    }

    /// Why the model stopped, if it did.
    pub(super) fn finish(&self) -> Option<FinishReason> {
        let reason = self.choices.iter().flatten().find_map(|choice| choice.finish_reason.as_deref());
        match reason? {
            // Some servers send this as long as the model goes on.
            "" => None,
            "length" => Some(FinishReason::Length),
            "content_filter" => Some(FinishReason::ContentFilter),
            _ => Some(FinishReason::Stop),
        }
    }

    /// Whether the model did anything: a model that reasons aloud before it answers is not silent.
    pub(super) fn is_progress(&self) -> bool {
        let mut messages = self.choices.iter().flatten().filter_map(|choice| choice.delta.as_ref());
        messages.any(|message| {
            let reasoned = message.reasoning_content.as_ref().is_some_and(|text| !text.is_empty());
            let in_pieces = matches!(&message.content, Some(Content::Pieces(pieces)) if !pieces.is_empty());
            reasoned || in_pieces
        })
    }

    /// The text for the user; may be empty.
    pub(super) fn into_text(self) -> String {
        let message = self.choices.into_iter().flatten().find_map(|choice| choice.delta);
        let Some(message) = message else { return String::new() };
        let content = match message.content {
            Some(Content::Text(text)) => text,
            Some(Content::Pieces(pieces)) => pieces.into_iter().filter_map(|piece| piece.text).collect(),
            None => String::new(),
        };
        // A refusal is what the model answers.
        if content.is_empty() { message.refusal.unwrap_or_default() } else { content }
    }
}
