use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::id::{ConversationId, TurnId, UserId};
use crate::text::{InvalidText, bounded};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The most UTF-8 bytes.
            pub const MAX_BYTES: usize = $max;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                bounded(text, Self::MAX_BYTES).map(Self)
            }
        }
    };
}

text! {
    /// What a conversation is called.
    Title, 256
}
text! {
    /// What a model is told before anything else.
    SystemPrompt, 32 * 1024
}
text! {
    /// The name of a model, as its engine knows it.
    ModelName, 128
}

/// A caller's own notes about a conversation: at most 16 pairs, keys of 1 to 64 and values of at most 512
/// characters (as OpenAI's `metadata`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

/// Why metadata was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// More than 16 pairs.
    #[error("must not have more than 16 pairs")]
    TooMany,
    /// A key that is empty, or longer than 64 characters.
    #[error("must have keys of 1 to 64 characters")]
    Key,
    /// A value that is longer than 512 characters.
    #[error("must have values of at most 512 characters")]
    Value,
    /// U+0000, which PostgreSQL cannot store.
    #[error("must not contain U+0000")]
    Nul,
}

impl Metadata {
    /// The pairs, by key.
    pub const fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl TryFrom<BTreeMap<String, String>> for Metadata {
    type Error = InvalidMetadata;

    fn try_from(pairs: BTreeMap<String, String>) -> Result<Self, InvalidMetadata> {
        if pairs.len() > 16 {
            return Err(InvalidMetadata::TooMany);
        }
        for (key, value) in &pairs {
            if key.is_empty() || key.chars().count() > 64 {
                return Err(InvalidMetadata::Key);
            }
            if value.chars().count() > 512 {
                return Err(InvalidMetadata::Value);
            }
            if key.contains('\0') || value.contains('\0') {
                return Err(InvalidMetadata::Nul);
            }
        }
        Ok(Self(pairs))
    }
}

/// How long what is said is kept: a second to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeToLive(u32);

/// The number was out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {} seconds", TimeToLive::MAX_SECONDS)]
pub struct InvalidTimeToLive;

impl TimeToLive {
    /// Ten years.
    pub const MAX_SECONDS: u32 = 315_360_000;

    /// In whole seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// When something said at `moment` expires.
    pub fn after(self, moment: DateTime<Utc>) -> DateTime<Utc> {
        moment + chrono::TimeDelta::seconds(i64::from(self.0))
    }
}

impl TryFrom<u64> for TimeToLive {
    type Error = InvalidTimeToLive;

    fn try_from(seconds: u64) -> Result<Self, InvalidTimeToLive> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=Self::MAX_SECONDS) => Ok(Self(seconds)),
            _ => Err(InvalidTimeToLive),
        }
    }
}

/// A conversation, without its turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Which conversation.
    pub id: ConversationId,
    /// Whose.
    pub user_id: UserId,
    /// What it is called, if it has a name.
    pub title: Option<Title>,
    /// The model that answers unless a question names another.
    pub model: Option<ModelName>,
    /// What the model is told before anything else.
    pub system: Option<SystemPrompt>,
    /// Its owner's notes.
    pub metadata: Metadata,
    /// How long its turns are kept, where that is not the configured default.
    pub ttl: Option<TimeToLive>,
    /// Whether it was put away.
    pub archived: bool,
    /// Whether it was pinned.
    pub pinned: bool,
    /// The newest turn of the active branch.
    pub leaf_turn_id: Option<TurnId>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When something was last said or changed in it.
    pub updated_at: DateTime<Utc>,
    /// When it expires, if nothing more is said in it.
    pub expiry_timestamp: DateTime<Utc>,
}

/// A conversation that is to be made.
#[derive(Clone, Debug)]
pub struct NewConversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose it will be.
    pub user_id: UserId,
    /// Its name.
    pub title: Option<Title>,
    /// Its model.
    pub model: Option<ModelName>,
    /// Its system prompt.
    pub system: Option<SystemPrompt>,
    /// Its owner's notes.
    pub metadata: Metadata,
    /// How long its turns are kept, where that is not the configured default.
    pub ttl: Option<TimeToLive>,
    /// When it is made.
    pub created_at: DateTime<Utc>,
    /// When it expires, if nothing is said in it.
    pub expiry_timestamp: DateTime<Utc>,
}

impl NewConversation {
    /// The conversation as it is once it has been made.
    pub fn into_conversation(self) -> Conversation {
        Conversation {
            id: self.id,
            user_id: self.user_id,
            title: self.title,
            model: self.model,
            system: self.system,
            metadata: self.metadata,
            ttl: self.ttl,
            archived: false,
            pinned: false,
            leaf_turn_id: None,
            created_at: self.created_at,
            updated_at: self.created_at,
            expiry_timestamp: self.expiry_timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Result<Metadata, InvalidMetadata> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>().try_into()
    }

    #[test]
    fn metadata_is_bounded() {
        assert!(metadata(&[("k", "")]).is_ok());
        assert_eq!(metadata(&[("", "v")]), Err(InvalidMetadata::Key));
        assert_eq!(metadata(&[(&"k".repeat(65), "v")]), Err(InvalidMetadata::Key));
        assert_eq!(metadata(&[("k", &"v".repeat(513))]), Err(InvalidMetadata::Value));
        assert_eq!(metadata(&[("k", "\0")]), Err(InvalidMetadata::Nul));
        let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|k| (k.as_str(), "v")).collect();
        assert_eq!(metadata(&many), Err(InvalidMetadata::TooMany));
    }

    #[test]
    fn a_time_to_live_is_a_second_to_ten_years() {
        assert_eq!(TimeToLive::try_from(0), Err(InvalidTimeToLive));
        assert_eq!(TimeToLive::try_from(1).map(TimeToLive::seconds), Ok(1));
        assert_eq!(TimeToLive::try_from(315_360_001), Err(InvalidTimeToLive));
    }
}
