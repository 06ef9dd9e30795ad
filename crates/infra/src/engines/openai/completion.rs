//! The stream of an answer: from lines of server-sent events to events of the engine.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use domain::chat::{EngineError, EngineErrorKind, EngineEvent, EngineStream, FinishReason};
use domain::conversation::Usage;
use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncRead;
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::chunk::Chunk;
use super::failure::Failures;

/// The longest line that is read, and the longest answer that may come as a whole, in bytes.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// Room for the lines of a stream; it grows when a line needs more.
const BUFFER: usize = 2 * 1024;

type Event = Result<EngineEvent, EngineError>;

/// An answer while it is being read.
///
/// What the model finished stays finished: once there is a finish reason, a connection that breaks, falls silent
/// or speaks nonsense costs the token counts at most. That is why [`EngineEvent::Finish`] comes last. It is also the
/// only silence that is timed here; that of a model is for whoever asks it.
pub(super) struct Completion<R> {
    lines: FramedRead<R, LinesCodec>,
    epilogue: Duration,
    failures: Failures,
    has_text: bool,
    finish: Option<FinishReason>,
    /// When it ends, once the model has finished.
    deadline: Option<Instant>,
    usage: Option<Usage>,
    last_words: VecDeque<Event>,
    ended: bool,
}

impl<R: AsyncRead + Send + Unpin + 'static> Completion<R> {
    /// Reads `source`, and waits so long for token counts once the model has finished.
    pub(super) fn new(source: R, epilogue: Duration, failures: Failures) -> Self {
        Self {
            lines: FramedRead::with_capacity(source, LinesCodec::new_with_max_length(MAX_LINE), BUFFER),
            epilogue,
            failures,
            has_text: false,
            finish: None,
            deadline: None,
            usage: None,
            last_words: VecDeque::new(),
            ended: false,
        }
    }

    /// What it tells.
    pub(super) fn into_events(self) -> EngineStream {
        stream::unfold(self, |mut completion| async move {
            let event = completion.next().await?;
            Some((event, completion))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            match self.line().await {
                None => self.end(None),
                Some(Err(error)) => self.end(Some(broken(error))),
                Some(Ok(line)) => match self.read(&line) {
                    Err(error) => self.end(Some(error)),
                    Ok(Some(event)) => return Some(Ok(event)),
                    // Whoever waits has timers, which must be polled even if there is always a comment to read.
                    Ok(None) => tokio::task::coop::consume_budget().await,
                },
            }
        }
        self.last_words.pop_front()
    }

    /// The next line; none if the stream or the epilogue is over.
    async fn line(&mut self) -> Option<Result<String, LinesCodecError>> {
        match self.deadline {
            None => self.lines.next().await,
            Some(deadline) if Instant::now() >= deadline => None,
            Some(deadline) => timeout_at(deadline, self.lines.next()).await.ok()?,
        }
    }

    /// Takes a line, and gives back what it adds to the answer.
    fn read(&mut self, line: &str) -> Result<Option<EngineEvent>, EngineError> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field.trim_start_matches('\u{feff}') {
            "data" if value.trim() == "[DONE]" => {
                if self.has_text {
                    self.finish.get_or_insert(FinishReason::Stop);
                }
                self.end(None);
                Ok(None)
            }
            "data" if !value.trim().is_empty() => Ok(self.take(parse(value.as_bytes(), &self.failures)?)),
            // llama.cpp reports its failures in a field of their own.
            "error" => Err(self.failures.reported(&serde_json::from_str(value).unwrap_or_default())),
            _ => Ok(None),
        }
    }

    fn take(&mut self, chunk: Chunk) -> Option<EngineEvent> {
        self.usage = chunk.usage().or(self.usage);
        let finish = chunk.finish();
        if finish.is_some() {
            self.finish = finish;
            self.deadline = Some(Instant::now() + self.epilogue);
        }
        let is_progress = chunk.is_progress() || finish.is_some();
        let text = chunk.into_text();
        if text.is_empty() {
            return is_progress.then_some(EngineEvent::Progress);
        }
        self.has_text = true;
        Some(EngineEvent::Text(text))
    }

    fn end(&mut self, error: Option<EngineError>) {
        self.ended = true;
        self.last_words.extend(self.usage.map(|usage| Ok(EngineEvent::Usage(usage))));
        let end = match (self.finish, error) {
            (Some(reason), _) => Some(Ok(EngineEvent::Finish(reason))),
            (None, error) => error.map(Err),
        };
        self.last_words.extend(end);
    }
}

/// An answer that came whole although a stream was asked for.
pub(super) fn whole(body: &[u8], failures: &Failures) -> Result<Vec<EngineEvent>, EngineError> {
    let chunk = parse(body, failures)?;
    let usage = chunk.usage().map(EngineEvent::Usage);
    let finish = chunk.finish().unwrap_or(FinishReason::Stop);
    let text = Some(chunk.into_text()).filter(|text| !text.is_empty()).map(EngineEvent::Text);
    Ok(text.into_iter().chain(usage).chain([EngineEvent::Finish(finish)]).collect())
}

fn parse(json: &[u8], failures: &Failures) -> Result<Chunk, EngineError> {
    let chunk: Chunk = serde_json::from_slice(json).map_err(|error| failures.unreadable(json, &error))?;
    match chunk.error() {
        Some(error) => Err(failures.reported(error)),
        None => Ok(chunk),
    }
}

fn broken(error: LinesCodecError) -> EngineError {
    match error {
        LinesCodecError::MaxLineLengthExceeded => {
            EngineError::new(EngineErrorKind::BadResponse, format!("a line is longer than {MAX_LINE} bytes"))
        }
        LinesCodecError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            EngineError::new(EngineErrorKind::BadResponse, error)
        }
        LinesCodecError::Io(error) => EngineError::new(EngineErrorKind::Unavailable, error),
    }
}
