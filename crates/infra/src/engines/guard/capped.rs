use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{
    ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, FinishReason, OfferedModel,
    Sampling,
};
use domain::conversation::Part;
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

/// As [`domain::text::estimated_tokens`] counts.
const BYTES_PER_TOKEN: usize = 4;

/// Longer than nearly all tokens of any vocabulary, on average over an answer.
const BYTES_OF_A_LONG_TOKEN: usize = 16;

/// What a part, and each cell of a table, costs besides its text: an endless row of empty ones must end too.
const BYTES_PER_PIECE: usize = 16;

/// The most of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// From the question to the last word.
    pub time: Duration,
    /// A token is four bytes of UTF-8.
    pub tokens: u32,
    /// Of UTF-8.
    pub bytes: usize,
}

impl Caps {
    /// What an answer may have, in bytes. A token being four of them, the least limit is the only one.
    ///
    /// What the request asks for is the engine's to keep, which counts real tokens: an answer that does must not be cut
    /// here because its words are long. Only an engine that does not is held to it, generously.
    fn room(self, sampling: Sampling) -> usize {
        let bytes = |tokens: u32, each: usize| usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(each);
        let asked = sampling.max_output_tokens.map_or(usize::MAX, |asked| bytes(asked.get(), BYTES_OF_A_LONG_TOKEN));
        bytes(self.tokens, BYTES_PER_TOKEN).min(self.bytes).min(asked)
    }
}

/// An engine whose answers end (R18), whatever it does.
///
/// Past the tokens, which a request may lower, or the bytes, the text is cut between two characters and the answer ends
/// with [`FinishReason::Length`]; a part that does not fit is left out whole. Past the time it fails with
/// [`EngineErrorKind::Timeout`]. Either way what was told is kept, and the engine is stopped.
pub struct Capped {
    engine: Arc<dyn ChatEngine>,
    caps: Caps,
}

impl Capped {
    /// `engine`, and the most of each of its answers.
    pub fn new(engine: Arc<dyn ChatEngine>, caps: Caps) -> Self {
        Self { engine, caps: Caps { time: super::bounded(caps.time), ..caps } }
    }
}

#[async_trait]
impl ChatEngine for Capped {
    fn models(&self) -> Vec<OfferedModel> {
        self.engine.models()
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        let deadline = Instant::now() + self.caps.time;
        let room = self.caps.room(request.sampling);
        let events = match timeout_at(deadline, self.engine.answer(request)).await {
            Ok(events) => Some(events?),
            Err(_) => return Err(overtime()),
        };
        let bounded = Bounded { events, deadline, room, is_cut: false };
        let events = stream::unfold(bounded, |mut bounded| async move {
            let event = bounded.next().await?;
            Some((event, bounded))
        });
        Ok(events.boxed())
    }
}

/// An answer with bounds.
struct Bounded {
    /// Gone once the answer has ended, so that the engine stops at once.
    events: Option<EngineStream>,
    deadline: Instant,
    room: usize,
    /// Whether it still has to be said that the answer was cut.
    is_cut: bool,
}

impl Bounded {
    async fn next(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        if std::mem::take(&mut self.is_cut) {
            return Some(Ok(EngineEvent::Finish(FinishReason::Length)));
        }
        let events = self.events.as_mut()?;
        match super::next_by(events, self.deadline).await {
            Ok(Some(Ok(finish @ EngineEvent::Finish(_)))) => Some(Ok(finish)),
            // The timeout looks at the clock only while there is nothing to take.
            Ok(Some(Ok(event))) if Instant::now() < self.deadline => Some(Ok(self.take(event))),
            Ok(Some(Ok(_))) | Err(_) => {
                self.events = None;
                Some(Err(overtime()))
            }
            Ok(end) => {
                self.events = None;
                end
            }
        }
    }

    fn take(&mut self, event: EngineEvent) -> EngineEvent {
        let size = match &event {
            EngineEvent::Text(text) => text.len(),
            EngineEvent::Part(part) => size_of(part),
            _ => 0,
        };
        if let Some(room) = self.room.checked_sub(size) {
            self.room = room;
            return event;
        }
        self.events = None;
        match event {
            EngineEvent::Text(text) => match cut(text, self.room) {
                rest if rest.is_empty() => EngineEvent::Finish(FinishReason::Length),
                rest => {
                    self.is_cut = true;
                    EngineEvent::Text(rest)
                }
            },
            _ => EngineEvent::Finish(FinishReason::Length),
        }
    }
}

/// At the most so many bytes of the text, and whole characters.
fn cut(mut text: String, bytes: usize) -> String {
    let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    text.truncate(end);
    text
}

/// About what a part takes in a store, in bytes.
fn size_of(part: &Part) -> usize {
    let texts = match part {
        Part::Text { text } | Part::Reasoning { text } => text.len(),
        Part::Image { url, alt } => url.len() + alt.as_ref().map_or(0, String::len),
        Part::Table { columns, rows } => {
            let cells = columns.iter().chain(rows.iter().flatten());
            cells.map(|cell| cell.len() + BYTES_PER_PIECE).sum::<usize>() + rows.len() * BYTES_PER_PIECE
        }
        Part::Chart { specification } => specification.len(),
        Part::ToolCall { id, name, arguments } => id.len() + name.len() + arguments.len(),
        Part::ToolResult { id, content } => id.len() + content.len(),
        // Kinds of parts that come later are counted by whoever adds them; until then they cost a piece.
        _ => 0,
    };
    texts + BYTES_PER_PIECE
}

fn overtime() -> EngineError {
    EngineError::new(EngineErrorKind::Timeout, "the answer took longer than the configured time")
}

#[cfg(test)]
mod tests;
