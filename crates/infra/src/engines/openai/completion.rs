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
use super::failure::{Failures, silence};

/// The longest line that is read, and the longest answer that may come as a whole, in bytes.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// How long to wait for token counts once the model has finished; the answer itself is complete.
const EPILOGUE: Duration = Duration::from_secs(5);

/// Room for the lines of a stream; it grows when a line needs more.
const BUFFER: usize = 2 * 1024;

type Event = Result<EngineEvent, EngineError>;

/// An answer while it is being read.
///
/// What the model finished stays finished: once there is a finish reason, a connection that breaks, falls silent
/// or speaks nonsense costs the token counts at most. That is why [`EngineEvent::Finish`] comes last.
pub(super) struct Completion<R> {
    lines: FramedRead<R, LinesCodec>,
    deadline: Instant,
    progress_timeout: Duration,
    failures: Failures,
    has_text: bool,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    last_words: VecDeque<Event>,
    ended: bool,
}

impl<R: AsyncRead + Send + Unpin + 'static> Completion<R> {
    /// Reads `source`, of which there must be something to tell by `deadline`.
    pub(super) fn new(source: R, deadline: Instant, progress_timeout: Duration, failures: Failures) -> Self {
        Self {
            lines: FramedRead::with_capacity(source, LinesCodec::new_with_max_length(MAX_LINE), BUFFER),
            deadline,
            progress_timeout,
            failures,
            has_text: false,
            finish: None,
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
            match timeout_at(self.deadline, self.lines.next()).await {
                Err(_) => self.end(Some(silence("no progress"))),
                Ok(None) => self.end(None),
                Ok(Some(Err(error))) => self.end(Some(broken(error))),
                Ok(Some(Ok(line))) => match self.read(&line) {
                    Err(error) => self.end(Some(error)),
                    Ok(text) if !text.is_empty() => return Some(Ok(EngineEvent::Text(text))),
                    // The timeout looks at the clock only while there is nothing to read: a flood of comments
                    // would go unnoticed.
                    Ok(_) if Instant::now() >= self.deadline => self.end(Some(silence("no progress"))),
                    Ok(_) => {}
                },
            }
        }
        self.last_words.pop_front()
    }

    /// Takes a line, and gives back what it adds to the answer.
    fn read(&mut self, line: &str) -> Result<String, EngineError> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field.trim_start_matches('\u{feff}') {
            "data" if value.trim() == "[DONE]" => {
                if self.has_text {
                    self.finish.get_or_insert(FinishReason::Stop);
                }
                self.end(None);
                Ok(String::new())
            }
            "data" if !value.trim().is_empty() => Ok(self.take(parse(value.as_bytes(), &self.failures)?)),
            // llama.cpp reports its failures in a field of their own.
            "error" => Err(self.failures.reported(&serde_json::from_str(value).unwrap_or_default())),
            _ => Ok(String::new()),
        }
    }

    fn take(&mut self, chunk: Chunk) -> String {
        self.usage = chunk.usage().or(self.usage);
        let finish = chunk.finish();
        let is_progress = chunk.is_progress();
        let text = chunk.into_text();
        self.has_text |= !text.is_empty();
        if is_progress || !text.is_empty() {
            self.deadline = Instant::now() + self.progress_timeout;
        }
        if finish.is_some() {
            self.finish = finish;
            self.deadline = Instant::now() + self.progress_timeout.min(EPILOGUE);
        }
        text
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
