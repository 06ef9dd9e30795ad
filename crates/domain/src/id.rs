//! Identifiers: one type each, all of them `UUIDv7` (RFC 9562), so that they sort by time of creation.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Port: where new identifiers come from.
///
/// An implementation MUST give `UUIDv7` values that never repeat and, within one process, never go backwards.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// The next identifier.
    fn next(&self) -> Uuid;
}

/// The text was no UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier.
            pub fn generate(ids: &dyn IdGenerator) -> Self {
                Self(ids.next())
            }

            /// The identifier that a store or a client named.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare value, for a store or a wire format.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id! {
    /// An account.
    UserId
}
id! {
    /// A login that has not ended, or once had not.
    SessionId
}
id! {
    /// A sequence of turns with one owner.
    ConversationId
}
id! {
    /// A question and, sooner or later, its answer.
    TurnId
}
id! {
    /// One running server process; a restart makes a new one.
    ReplicaId
}
id! {
    /// A credential for programs.
    ApiKeyId
}
id! {
    /// Something that happened and was written down.
    AuditEventId
}
id! {
    /// A copy of everything that is stored about somebody.
    ExportId
}
