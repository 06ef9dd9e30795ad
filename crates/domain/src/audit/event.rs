use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::access::Principal;
use crate::id::{AuditEventId, SessionId, UserId};
use crate::session::Client;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditKind {
            $($(#[$doc])* $variant),+
        }

        impl AuditKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

kinds! {
    /// Somebody logged in.
    LoginSucceeded = "login.succeeded";
    /// A wrong password, an unknown name or a disabled account.
    LoginFailed = "login.failed";
    /// Attempts that were refused unseen; one row counts those of a key and a minute.
    LoginThrottled = "login.throttled";
    /// A user gave the password again.
    Reauthenticated = "session.reauthenticated";
    /// A session ended by its own user's wish.
    Logout = "session.logout";
    /// A session was ended by its user from another one, or by whoever had its token (RFC 7009).
    SessionRevoked = "session.revoked";
    /// An administrator ended sessions.
    SessionsEnded = "session.ended_by_admin";
    /// A refresh token came a second time: its session was ended.
    RefreshReused = "refresh.reused";
    /// A user changed the password.
    PasswordChanged = "password.changed";
    /// Somebody else set a user's password.
    PasswordReset = "password.reset";
    /// A user's name or address changed.
    ProfileChanged = "user.profile_changed";
    /// A user may do more, or less.
    RoleChanged = "user.role_changed";
    /// An account was made.
    UserCreated = "user.created";
    /// An account may not be used any more.
    UserDisabled = "user.disabled";
    /// An account may be used again.
    UserEnabled = "user.enabled";
    /// An account is gone, with all that belonged to it.
    UserDeleted = "user.deleted";
    /// An API key was made.
    KeyCreated = "api_key.created";
    /// An API key was used for the first time.
    KeyFirstUsed = "api_key.first_used";
    /// An API key was revoked.
    KeyRevoked = "api_key.revoked";
    /// Somebody took everything that is stored about them.
    DataExported = "data.exported";
    /// An administrator read what is somebody else's.
    AdminRead = "admin.read";
}

/// The text named no kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a kind of event, such as login.failed")]
pub struct InvalidAuditKind;

impl FromStr for AuditKind {
    type Err = InvalidAuditKind;

    fn from_str(name: &str) -> Result<Self, InvalidAuditKind> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or(InvalidAuditKind)
    }
}

/// Who does something, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Whose request it is; nobody's before a login, and on the command line.
    pub actor: Option<UserId>,
    /// The session it comes in.
    pub session_id: Option<SessionId>,
    /// Where it comes from.
    pub client: Client,
}

impl Origin {
    /// A request of that caller.
    pub fn of(principal: &Principal, client: Client) -> Self {
        Self { actor: Some(principal.user_id), session_id: principal.session_id(), client }
    }

    /// A request of somebody who is not known yet.
    pub fn unknown(client: Client) -> Self {
        Self { client, ..Self::default() }
    }

    /// The command line, which knows its user by other means.
    pub fn command_line() -> Self {
        Self::unknown(Client::new(None, Some("colloquy command line")))
    }
}

/// An event that is to be stored, with the change that it tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: AuditKind,
    /// Who did it, and from where.
    pub origin: Origin,
    /// To whom.
    pub subject: Option<UserId>,
    /// To which session, key or other thing.
    pub object: Option<Uuid>,
    /// What else there is to say, in a word: the new role, the count of what went.
    pub detail: Option<String>,
}

impl NewAuditEvent {
    /// It happened to that user.
    #[must_use]
    pub fn about(mut self, subject: UserId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// It happened to that thing.
    #[must_use]
    pub fn concerning(mut self, object: Uuid) -> Self {
        self.object = Some(object);
        self
    }

    /// With a word more.
    #[must_use]
    pub fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditEventId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: AuditKind,
    /// Who did it, and from where; addresses and agents are forgotten after 90 days.
    pub origin: Origin,
    /// To whom.
    pub subject: Option<UserId>,
    /// To which session, key or other thing.
    pub object: Option<Uuid>,
    /// What else there is to say.
    pub detail: Option<String>,
    /// How often: 1, but for what is counted by the minute.
    pub count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in AuditKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("login".parse::<AuditKind>(), Err(InvalidAuditKind));
    }
}
