//! An engine that does what a script says: for development, tests and benchmarks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{
    ChatEngine, EngineError, EngineErrorKind, EngineEvent, EngineRequest, EngineStream, FinishReason, OfferedModel,
};
use domain::conversation::{ModelName, Part};
use futures_util::{StreamExt as _, stream};

/// Tokens that break careless code: characters of four bytes, marks that combine with what came before, writing
/// from right to left, what PostgreSQL cannot store, marks that cannot be seen, and the ends of Unicode's range.
const ODD_TOKENS: &[&str] = &[
    " 🦀",
    " e",
    "\u{301}",
    " שלום",
    " \u{202e}txet\u{202c}",
    "\0",
    "\u{feff}",
    " 👩\u{200d}👩\u{200d}👧",
    " \u{2028}",
    "\r\n",
    " \u{10ffff}",
    " data: [DONE]\n\n",
    " <b>&amp;\"'\\",
];

/// After how many tokens there is something that is more than text, where a script has that.
const TOKENS_PER_PART: u32 = 3;

/// How a [`ScriptedEngine`] answers.
///
/// Its first token is `[N turns of context] You said: QUESTION`, so that a test sees from the answer what the
/// engine was given; the tokens after it are ` 2`, ` 3` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, and every mixture is a script")]
pub struct Script {
    /// The time until the first token, or until whatever happens instead of it.
    pub first_token: Duration,
    /// The time before each further token.
    pub token: Duration,
    /// How many tokens there are. With none the answer is empty, which for a turn is a failure.
    pub tokens: u32,
    /// Fails once so many tokens were told; with 0, before the first. Never, if there are not that many.
    pub fail_after: Option<u32>,
    /// How it fails.
    pub fail_with: EngineErrorKind,
    /// Falls silent after the last token instead of finishing, and against the port's obligation stays so.
    pub hang: bool,
    /// Tells tokens for ever; `tokens` then counts for nothing.
    pub endless: bool,
    /// The tokens after the first are odd but valid UTF-8.
    pub odd_utf8: bool,
    /// After every third token comes a part that is more than text: a table, each third time a picture. They are not
    /// counted as tokens.
    pub parts: bool,
}

impl Default for Script {
    /// Twelve tokens, at once.
    fn default() -> Self {
        Self {
            first_token: Duration::ZERO,
            token: Duration::ZERO,
            tokens: 12,
            fail_after: None,
            fail_with: EngineErrorKind::Unavailable,
            hang: false,
            endless: false,
            odd_utf8: false,
            parts: false,
        }
    }
}

/// An engine that does what a [`Script`] says. It touches no timer for a delay of zero.
#[derive(Debug)]
pub struct ScriptedEngine {
    model: ModelName,
    script: Mutex<Script>,
    calls: AtomicU64,
}

impl ScriptedEngine {
    /// An engine that follows `script`.
    pub fn new(script: Script) -> Self {
        Self { model: super::own_name("scripted"), script: Mutex::new(script), calls: AtomicU64::new(0) }
    }

    /// Changes the script for the answers that start from now on.
    pub fn follow(&self, script: Script) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// How many answers were asked for.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl ChatEngine for ScriptedEngine {
    fn models(&self) -> Vec<OfferedModel> {
        vec![OfferedModel { name: self.model.clone(), provider: "scripted".to_owned() }]
    }

    async fn answer(&self, request: EngineRequest) -> Result<EngineStream, EngineError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let opening = format!("[{} turns of context] You said: {}", request.context.len(), request.question);
        let performance = Performance { script, opening, told: 0, part: None, ended: false };
        let named = stream::iter([Ok(EngineEvent::Model(self.model.clone()))]);
        let events = stream::unfold(performance, |mut performance| async move {
            let event = performance.next().await?;
            Some((event, performance))
        });
        Ok(named.chain(events).boxed())
    }
}

/// A script while it is being performed.
struct Performance {
    script: Script,
    opening: String,
    told: u32,
    /// What comes before the next token.
    part: Option<Part>,
    ended: bool,
}

impl Performance {
    async fn next(&mut self) -> Option<Result<EngineEvent, EngineError>> {
        if self.ended {
            return None;
        }
        if let Some(part) = self.part.take() {
            return Some(Ok(EngineEvent::Part(part)));
        }
        let fails = self.script.fail_after == Some(self.told);
        let finishes = !self.script.endless && self.told >= self.script.tokens;
        if self.told == 0 {
            pause(self.script.first_token).await;
        } else if !fails && !finishes {
            pause(self.script.token).await;
        }
        if fails {
            self.ended = true;
            return Some(Err(EngineError::new(self.script.fail_with, "the script says so")));
        }
        if finishes && self.script.hang {
            std::future::pending::<()>().await;
        }
        if finishes {
            self.ended = true;
            return Some(Ok(EngineEvent::Finish(FinishReason::Stop)));
        }
        if self.script.endless {
            // An answer without delays and without an end must not keep its thread from everybody else.
            tokio::task::yield_now().await;
        }
        let token = self.token();
        self.told = self.told.saturating_add(1);
        if self.script.parts && self.told.is_multiple_of(TOKENS_PER_PART) {
            self.part = Some(part(self.told / TOKENS_PER_PART));
        }
        Some(Ok(EngineEvent::Text(token)))
    }

    fn token(&mut self) -> String {
        if self.told == 0 {
            return std::mem::take(&mut self.opening);
        }
        if self.script.odd_utf8 {
            let position = usize::try_from(self.told - 1).unwrap_or_default() % ODD_TOKENS.len();
            return ODD_TOKENS[position].to_owned();
        }
        format!(" {}", u64::from(self.told) + 1)
    }
}

/// The nth part; no two of an answer are the same.
fn part(number: u32) -> Part {
    if number.is_multiple_of(3) {
        // A picture that the server has.
        let url = "/docs/favicon-32x32.png".to_owned();
        return Part::Image { url, alt: Some(format!("Picture {number}")) };
    }
    let columns = ["part", "tokens before it"].map(str::to_owned).into();
    Part::Table { columns, rows: vec![vec![number.to_string(), (number * TOKENS_PER_PART).to_string()]] }
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::chat::{PastTurn, Sampling};
    use domain::id::{ConversationId, TurnId, UserId};
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn request() -> EngineRequest {
        let turn = PastTurn {
            question: "Why?".to_owned(),
            response: "Because.".to_owned(),
            tokens: 1,
            expiry_timestamp: DateTime::<Utc>::MAX_UTC,
        };
        EngineRequest {
            turn_id: TurnId::from_uuid(Uuid::nil()),
            conversation_id: ConversationId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            model: None,
            system: None,
            context: vec![turn.clone(), turn],
            question: "And now?".to_owned(),
            sampling: Sampling::default(),
        }
    }

    /// The texts, and how it ended: `None` if it did not within `limit` texts, or without waiting.
    fn perform(script: Script, limit: usize) -> (Vec<String>, Option<Result<FinishReason, EngineErrorKind>>) {
        let engine = ScriptedEngine::new(script);
        let mut events = engine.answer(request()).now_or_never().unwrap().unwrap();
        let mut texts = Vec::new();
        while texts.len() < limit {
            match events.next().now_or_never() {
                Some(Some(Ok(EngineEvent::Text(text)))) => texts.push(text),
                Some(Some(Ok(EngineEvent::Finish(reason)))) => return (texts, Some(Ok(reason))),
                Some(Some(Ok(_))) => {}
                Some(Some(Err(error))) => {
                    assert!(matches!(events.next().now_or_never(), Some(None)), "something came after the error");
                    return (texts, Some(Err(error.kind)));
                }
                Some(None) | None => break,
            }
        }
        (texts, None)
    }

    // None of these tests has a runtime: a timer would panic.

    #[test]
    fn the_default_tells_twelve_tokens_at_once() {
        let (texts, end) = perform(Script::default(), 100);
        assert_eq!(texts.len(), 12);
        assert_eq!(texts[..3], ["[2 turns of context] You said: And now?", " 2", " 3"]);
        assert_eq!(end, Some(Ok(FinishReason::Stop)));
    }

    #[test]
    fn it_fails_after_so_many_tokens() {
        let failing =
            |after| Script { fail_after: Some(after), fail_with: EngineErrorKind::Timeout, ..Script::default() };
        for (after, texts) in [(0, 0), (1, 1), (12, 12)] {
            let (told, end) = perform(failing(after), 100);
            assert_eq!((told.len(), end), (texts, Some(Err(EngineErrorKind::Timeout))));
        }
        assert_eq!(perform(failing(13), 100).1, Some(Ok(FinishReason::Stop)));
    }

    #[test]
    fn it_hangs_after_its_tokens() {
        for tokens in [0, 1, 5] {
            let (texts, end) = perform(Script { tokens, hang: true, ..Script::default() }, 100);
            assert_eq!((texts.len(), end), (tokens as usize, None));
        }
    }

    #[test]
    fn without_tokens_there_is_only_an_end() {
        let (texts, end) = perform(Script { tokens: 0, ..Script::default() }, 100);
        assert_eq!((texts.len(), end), (0, Some(Ok(FinishReason::Stop))));
    }

    #[tokio::test]
    async fn it_goes_on_for_ever_and_lets_others_run() {
        let engine = ScriptedEngine::new(Script { endless: true, tokens: 1, ..Script::default() });
        let events = engine.answer(request()).await.unwrap();
        let other = tokio::spawn(async {});
        let told = events.take(5000).inspect(|event| assert!(event.is_ok())).count().await;
        assert_eq!(told, 5000);
        assert!(other.is_finished());
    }

    #[test]
    fn odd_tokens_are_not_empty_and_stay_valid_when_joined() {
        let (texts, end) = perform(Script { odd_utf8: true, tokens: 40, ..Script::default() }, 100);
        assert_eq!((texts.len(), end), (40, Some(Ok(FinishReason::Stop))));
        assert!(texts.iter().all(|text| !text.is_empty()));
        let text = texts.concat();
        for odd in ["🦀", "e\u{301}", "ש", "\0", "\u{feff}"] {
            assert!(text.contains(odd), "{odd:?}");
        }
    }

    #[tokio::test]
    async fn a_part_comes_after_every_third_token() {
        let engine = ScriptedEngine::new(Script { parts: true, tokens: 10, ..Script::default() });
        let events: Vec<_> = engine.answer(request()).await.unwrap().map(Result::unwrap).collect().await;
        let kinds = events.iter().filter_map(|event| match event {
            EngineEvent::Text(_) => Some('.'),
            EngineEvent::Part(Part::Table { columns, rows }) => {
                assert!(!rows.is_empty() && rows.iter().all(|row| row.len() == columns.len()));
                Some('T')
            }
            EngineEvent::Part(Part::Image { url, .. }) => {
                assert!(url.starts_with('/') && !url.starts_with("//"), "{url}");
                Some('I')
            }
            EngineEvent::Finish(_) => Some('!'),
            _ => None,
        });
        assert_eq!(kinds.collect::<String>(), "...T...T...I.!");
        let (texts, end) = perform(Script { parts: true, ..Script::default() }, 100);
        assert_eq!((texts, end), perform(Script::default(), 100), "the text is the same without them");
    }

    #[tokio::test]
    async fn a_part_comes_before_whatever_ends_the_answer() {
        for script in [
            Script { tokens: 3, ..Script::default() },
            Script { fail_after: Some(3), ..Script::default() },
            Script { tokens: 3, hang: true, ..Script::default() },
        ] {
            let engine = ScriptedEngine::new(Script { parts: true, ..script });
            let told = engine.answer(request()).await.unwrap().take(1 + 3 + 1).map(Result::unwrap);
            assert!(matches!(told.collect::<Vec<_>>().await[..], [.., EngineEvent::Part(_)]));
        }
    }

    #[tokio::test]
    async fn its_script_can_change_and_its_calls_are_counted() {
        let engine = ScriptedEngine::new(Script { tokens: 3, ..Script::default() });
        let before = engine.answer(request()).await.unwrap();
        engine.follow(Script { tokens: 5, ..Script::default() });
        let after = engine.answer(request()).await.unwrap();
        assert_eq!((before.count().await, after.count().await), (1 + 3 + 1, 1 + 5 + 1));
        assert_eq!(engine.calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn its_delays_are_waited_for() {
        let [first_token, token] = [Duration::from_secs(60), Duration::from_secs(7)];
        let engine = ScriptedEngine::new(Script { first_token, token, tokens: 4, ..Script::default() });
        let started = tokio::time::Instant::now();
        assert_eq!(engine.answer(request()).await.unwrap().count().await, 1 + 4 + 1);
        assert_eq!(started.elapsed(), first_token + token * 3);
    }
}
