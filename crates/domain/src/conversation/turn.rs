use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{Metadata, ModelName, Part};
use crate::id::{ConversationId, SessionId, TurnId, UserId};
use crate::text::{InvalidText, bounded, estimated_tokens};

/// What a user asks: 1 byte to 64 KiB of UTF-8 that is not only white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question(String);

impl Question {
    /// The most UTF-8 bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The text, exactly as it was asked.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An estimate of its length, in tokens.
    pub fn estimated_tokens(&self) -> u32 {
        estimated_tokens(&self.0)
    }
}

impl TryFrom<String> for Question {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        bounded(text, Self::MAX_BYTES).map(Self)
    }
}

/// How a turn came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnKind {
    /// An engine was asked.
    Answered,
    /// It was brought along from elsewhere.
    Imported,
}

/// What an answer cost, in tokens as its model counts them, or as estimated where the model does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What the model was given: system prompt, context and question.
    pub input_tokens: u32,
    /// What the model made.
    pub output_tokens: u32,
}

/// Why an answer stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncompleteReason {
    /// The model reached the most tokens it may make.
    MaxOutputTokens,
    /// The engine fell silent.
    UpstreamTimeout,
    /// The engine failed, or its stream ended without its end marker.
    UpstreamError,
    /// The server died, or was stopped, while the answer was being made.
    ServerRestart,
    /// The model's provider cut it off.
    ContentFilter,
}

/// Why there is no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The engine could not be reached, or has too much to do.
    EngineUnavailable,
    /// The engine did not answer in time.
    EngineTimeout,
    /// The engine refused, answered with something that is no answer, or with nothing.
    EngineError,
}

macro_rules! named {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName),
                }
            }
        }
    };
}

/// The text is none of the type's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;

named!(TurnKind { Answered = "answered", Imported = "imported" });
named!(IncompleteReason {
    MaxOutputTokens = "max_output_tokens",
    UpstreamTimeout = "upstream_timeout",
    UpstreamError = "upstream_error",
    ServerRestart = "server_restart",
    ContentFilter = "content_filter",
});
named!(Failure {
    EngineUnavailable = "engine_unavailable",
    EngineTimeout = "engine_timeout",
    EngineError = "engine_error",
});

/// What an engine said, whole or as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The text of the answer.
    pub response: String,
    /// All of the answer, where it is more than text.
    pub parts: Option<Vec<Part>>,
    /// The first picture in it.
    pub image_url: Option<String>,
    /// What it cost.
    pub usage: Usage,
}

/// Where a turn stands in its life. A turn that has ended never changes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnState {
    /// The answer is being made; this much of its text has been stored.
    Running {
        /// The text so far.
        response: String,
    },
    /// The engine said all it had to say.
    Completed(Answer),
    /// The answer stopped before its end.
    Incomplete(Answer, IncompleteReason),
    /// Somebody stopped the answer.
    Cancelled(Answer),
    /// There is no answer.
    Failed(Failure),
}

impl TurnState {
    /// The name that is stored and shown.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::Completed(_) => "completed",
            Self::Incomplete(..) => "incomplete",
            Self::Cancelled(_) => "cancelled",
            Self::Failed(_) => "failed",
        }
    }

    /// The answer, if the turn has ended with one.
    pub const fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Completed(answer) | Self::Incomplete(answer, _) | Self::Cancelled(answer) => Some(answer),
            Self::Running { .. } | Self::Failed(_) => None,
        }
    }

    /// Why the answer is not whole, if it is not.
    pub const fn incomplete_reason(&self) -> Option<IncompleteReason> {
        match self {
            Self::Incomplete(_, reason) => Some(*reason),
            Self::Running { .. } | Self::Completed(_) | Self::Cancelled(_) | Self::Failed(_) => None,
        }
    }

    /// The text of the answer as far as it is stored.
    pub fn response(&self) -> Option<&str> {
        match self {
            Self::Running { response } => Some(response),
            Self::Completed(answer) | Self::Incomplete(answer, _) | Self::Cancelled(answer) => Some(&answer.response),
            Self::Failed(_) => None,
        }
    }
}

/// A question and its answer, as far as there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Which turn.
    pub id: TurnId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Who asked.
    pub user_id: UserId,
    /// The session it was asked in, if there was one.
    pub session_id: Option<SessionId>,
    /// Its place in the conversation, counted from 1, without a gap.
    pub seq: i64,
    /// The turn it follows.
    pub parent_turn_id: Option<TurnId>,
    /// How it came to be.
    pub kind: TurnKind,
    /// What was asked.
    pub request_question: Question,
    /// The model that answers, if one was named.
    pub model: Option<ModelName>,
    /// The asker's notes.
    pub metadata: Metadata,
    /// When it was asked.
    pub entry_time: DateTime<Utc>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// From when on it is out of every context and list.
    pub expiry_timestamp: DateTime<Utc>,
    /// Where it stands.
    pub state: TurnState,
}
