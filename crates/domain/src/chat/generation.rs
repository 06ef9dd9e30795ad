use std::time::Duration;

use super::{EngineError, EngineErrorKind, EngineEvent, FinishReason, Piece, Position, Transcript};
use crate::conversation::{Answer, Failure, IncompleteReason, ModelName, Part, TurnState, Usage};
use crate::id::TurnId;
use crate::text::estimated_tokens;

/// How an engine's stream came to its end.
#[derive(Debug)]
pub enum StreamEnd {
    /// It closed.
    Closed,
    /// It failed.
    Failed(EngineError),
    /// Somebody stopped it.
    Cancelled,
    /// This server is going down.
    Shutdown,
}

/// How a turn ended.
#[derive(Debug)]
pub struct Outcome {
    /// The terminal state; never `Running`.
    pub state: TurnState,
    /// What readers were told of the answer.
    pub told: Transcript,
    /// The model that answered, where it is known.
    pub model: Option<ModelName>,
    /// When a client may try again, if the engine said so.
    pub retry_after: Option<Duration>,
}

/// An answer in the making: a state machine without a clock, a socket or a thread.
///
/// What an engine yields goes in as [`Generation::delta`], which says whether there is something new for readers of
/// the [`Generation::transcript`]; a timer takes what to persist with [`Generation::tick`];
/// [`Generation::cancel`] and [`Generation::end`] consume it and give the outcome, so that nothing can be appended to
/// a turn that has ended:
///
/// ```compile_fail
/// # use domain::{chat::*, id::*};
/// let generation = Generation::new(TurnId::from_uuid(Default::default()), None, 0);
/// let outcome = generation.cancel();
/// generation.delta(EngineEvent::Text("too late".into())); // borrow of moved value
/// ```
#[derive(Debug)]
pub struct Generation {
    turn: TurnId,
    model: Option<ModelName>,
    input_estimate: u32,
    told: Transcript,
    persisted: Position,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
}

impl Generation {
    /// An answer of which nothing is there yet; `input_estimate` is what the engine was given, in tokens.
    pub fn new(turn: TurnId, model: Option<ModelName>, input_estimate: u32) -> Self {
        let told = Transcript::default();
        Self { turn, model, input_estimate, told, persisted: Position::START, usage: None, finish: None }
    }

    /// Takes what the engine yielded, and says whether there is something new for readers.
    ///
    /// U+0000, which cannot be stored, becomes U+FFFD before anybody sees it. What comes after a finish
    /// reason is dropped.
    pub fn delta(&mut self, event: EngineEvent) -> bool {
        match event {
            EngineEvent::Progress => false,
            EngineEvent::Model(name) => {
                self.model = Some(name);
                false
            }
            EngineEvent::Usage(usage) => {
                self.usage = Some(usage);
                false
            }
            EngineEvent::Finish(reason) => {
                self.finish = self.finish.or(Some(reason));
                false
            }
            EngineEvent::Text(_) | EngineEvent::Part(_) if self.finish.is_some() => false,
            EngineEvent::Text(text) if text.is_empty() => false,
            EngineEvent::Text(text) | EngineEvent::Part(Part::Text { text }) => {
                self.told.push_text(&storable(text));
                true
            }
            EngineEvent::Part(part) => {
                self.told.push_part(part.map_texts(storable));
                true
            }
        }
    }

    /// What has been told so far.
    pub const fn transcript(&self) -> &Transcript {
        &self.told
    }

    /// What has come since it was last persisted, to be stored. It is given again until [`Generation::persisted`] says
    /// that it is.
    pub fn tick(&self) -> Vec<Piece> {
        self.told.pieces(self.turn, self.persisted)
    }

    /// Everything before `until` is stored.
    pub fn persisted(&mut self, until: Position) {
        self.persisted = self.persisted.max(until);
    }

    /// Somebody stopped the answer: what there is of it is kept.
    pub fn cancel(self) -> Outcome {
        self.conclude(None, TurnState::Cancelled)
    }

    /// The stream came to its end.
    ///
    /// With a finish reason the answer is whole or was cut short by the model; without one it was cut off. If
    /// there is no output at all, the turn has failed.
    pub fn end(self, end: StreamEnd) -> Outcome {
        let (reason, failure, retry_after) = match (self.finish, end) {
            (Some(FinishReason::Stop), _) => (None, Failure::EngineError, None),
            (Some(FinishReason::Length), _) => (Some(IncompleteReason::MaxOutputTokens), Failure::EngineError, None),
            (Some(FinishReason::ContentFilter), _) => {
                (Some(IncompleteReason::ContentFilter), Failure::EngineError, None)
            }
            (None, StreamEnd::Closed) => (Some(IncompleteReason::UpstreamError), Failure::EngineError, None),
            (None, StreamEnd::Failed(error)) => (Some(incomplete(error.kind)), error.kind.failure(), error.retry_after),
            (None, StreamEnd::Cancelled) => return self.cancel(),
            (None, StreamEnd::Shutdown) => {
                return self.conclude(None, |answer| TurnState::Incomplete(answer, IncompleteReason::ServerRestart));
            }
        };
        if self.told.is_empty() {
            return Outcome { state: TurnState::Failed(failure), told: self.told, model: self.model, retry_after };
        }
        self.conclude(retry_after, |answer| match reason {
            None => TurnState::Completed(answer),
            Some(reason) => TurnState::Incomplete(answer, reason),
        })
    }

    fn conclude(self, retry_after: Option<Duration>, state: impl FnOnce(Answer) -> TurnState) -> Outcome {
        let estimate =
            || Usage { input_tokens: self.input_estimate, output_tokens: estimated_tokens(self.told.text()) };
        let answer = Answer { usage: self.usage.unwrap_or_else(estimate), ..self.told.to_answer() };
        Outcome { state: state(answer), told: self.told, model: self.model, retry_after }
    }
}

const fn incomplete(kind: EngineErrorKind) -> IncompleteReason {
    match kind {
        EngineErrorKind::Timeout => IncompleteReason::UpstreamTimeout,
        EngineErrorKind::Unavailable | EngineErrorKind::BadResponse => IncompleteReason::UpstreamError,
    }
}

fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn generation() -> Generation {
        Generation::new(TurnId::from_uuid(Uuid::nil()), None, 7)
    }

    fn told(text: &str) -> Generation {
        let mut generation = generation();
        generation.delta(EngineEvent::Text(text.to_owned()));
        generation
    }

    fn failed(kind: EngineErrorKind) -> StreamEnd {
        StreamEnd::Failed(EngineError::new(kind, "gone"))
    }

    #[test]
    fn a_finished_stream_is_a_completed_turn_with_estimated_usage() {
        let mut generation = told("hello");
        generation.delta(EngineEvent::Finish(FinishReason::Stop));
        let TurnState::Completed(answer) = generation.end(StreamEnd::Closed).state else { panic!() };
        assert_eq!(answer.response, "hello");
        assert_eq!(answer.parts, None);
        assert_eq!(answer.usage, Usage { input_tokens: 7, output_tokens: 2 });
    }

    #[test]
    fn what_the_model_counts_replaces_the_estimate() {
        let mut generation = told("hello");
        let counted = Usage { input_tokens: 40, output_tokens: 3 };
        generation.delta(EngineEvent::Usage(counted));
        generation.delta(EngineEvent::Finish(FinishReason::Stop));
        assert_eq!(generation.end(StreamEnd::Closed).state.answer().map(|a| a.usage), Some(counted));
    }

    #[test]
    fn output_without_a_finish_reason_is_incomplete_for_the_reason_it_stopped() {
        use IncompleteReason::{ServerRestart, UpstreamError, UpstreamTimeout};
        let cases = [
            (StreamEnd::Closed, UpstreamError),
            (failed(EngineErrorKind::Timeout), UpstreamTimeout),
            (failed(EngineErrorKind::Unavailable), UpstreamError),
            (failed(EngineErrorKind::BadResponse), UpstreamError),
            (StreamEnd::Shutdown, ServerRestart),
        ];
        for (end, reason) in cases {
            assert_eq!(told("half").end(end).state.incomplete_reason(), Some(reason));
        }
    }

    #[test]
    fn no_output_is_a_failure_of_the_engines_kind() {
        use Failure::{EngineError as Error, EngineTimeout, EngineUnavailable};
        let cases = [
            (StreamEnd::Closed, Error),
            (failed(EngineErrorKind::Timeout), EngineTimeout),
            (failed(EngineErrorKind::Unavailable), EngineUnavailable),
            (failed(EngineErrorKind::BadResponse), Error),
        ];
        for (end, failure) in cases {
            assert_eq!(generation().end(end).state, TurnState::Failed(failure));
        }
        let mut stopped = generation();
        stopped.delta(EngineEvent::Finish(FinishReason::Stop));
        assert_eq!(stopped.end(StreamEnd::Closed).state, TurnState::Failed(Error));
    }

    #[test]
    fn the_models_own_limits_are_named() {
        for (reason, expected) in [
            (FinishReason::Length, IncompleteReason::MaxOutputTokens),
            (FinishReason::ContentFilter, IncompleteReason::ContentFilter),
        ] {
            let mut generation = told("half");
            generation.delta(EngineEvent::Finish(reason));
            assert_eq!(generation.end(StreamEnd::Closed).state.incomplete_reason(), Some(expected));
        }
    }

    #[test]
    fn a_cancelled_turn_keeps_what_there_is() {
        let state = told("half").cancel().state;
        assert_eq!((state.as_str(), state.response()), ("cancelled", Some("half")));
    }

    #[test]
    fn nothing_comes_after_the_finish() {
        let mut generation = told("all");
        generation.delta(EngineEvent::Finish(FinishReason::Stop));
        assert!(!generation.delta(EngineEvent::Text(" and more".into())));
        assert_eq!(generation.end(StreamEnd::Closed).state.response(), Some("all"));
    }

    #[test]
    fn parts_tell_all_once_there_is_more_than_text() {
        let image = Part::Image { url: "/a.png".into(), alt: None };
        let mut generation = told("see ");
        generation.delta(EngineEvent::Text("this: ".into()));
        generation.delta(EngineEvent::Part(image.clone()));
        generation.delta(EngineEvent::Finish(FinishReason::Stop));
        let state = generation.end(StreamEnd::Closed).state;
        let answer = state.answer().unwrap();
        assert_eq!(answer.response, "see this: ");
        assert_eq!(answer.parts, Some(vec![Part::Text { text: "see this: ".into() }, image]));
        assert_eq!(answer.image_url.as_deref(), Some("/a.png"));
    }

    #[test]
    fn what_cannot_be_stored_is_replaced_in_every_text_of_a_part() {
        let with = |zero: &str| {
            let text = format!("a{zero}b");
            let texts = || vec![text.clone(), text.clone()];
            [
                Part::Image { url: text.clone(), alt: Some(text.clone()) },
                Part::Table { columns: texts(), rows: vec![texts(), texts()] },
                Part::Chart { specification: text.clone() },
                Part::ToolCall { id: text.clone(), name: text.clone(), arguments: text.clone() },
                Part::ToolResult { id: text.clone(), content: text.clone() },
                Part::Reasoning { text: text.clone() },
            ]
        };
        for (part, expected) in with("\0").into_iter().zip(with("\u{FFFD}")) {
            let mut generation = generation();
            assert!(generation.delta(EngineEvent::Part(part)));
            assert_eq!(generation.transcript().parts(), Some(vec![expected]));
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_without_gap_or_repeat(deltas in prop::collection::vec(("\\PC{0,8}|\u{0}", any::<bool>()), 0..40)) {
            let mut generation = generation();
            let (mut told, mut stored) = (String::new(), Transcript::default());
            for (text, is_acknowledged) in deltas {
                prop_assert_eq!(generation.delta(EngineEvent::Text(text.clone())), !text.is_empty());
                told.push_str(&text.replace('\0', "\u{FFFD}"));
                for Piece { at, content, .. } in generation.tick() {
                    prop_assert!(stored.append(content, at));
                }
                prop_assert_eq!(stored.text(), told.as_str());
                if is_acknowledged {
                    generation.persisted(generation.transcript().end());
                    prop_assert_eq!(generation.tick(), vec![]);
                }
            }
            let state = generation.cancel().state;
            prop_assert_eq!(state.response(), Some(told.as_str()));
        }
    }
}
