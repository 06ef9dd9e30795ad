use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::TokenHash;
use crate::id::{SessionId, UserId};
use crate::user::{Role, Username};

/// Where a request comes from, for its user to recognise it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The address that the request came from.
    pub ip: Option<IpAddr>,
    /// The `User-Agent` header (RFC 9110 §10.1.5), cut to 256 characters.
    pub user_agent: Option<String>,
}

impl Client {
    const MAX_AGENT: usize = 256;

    /// A client; control characters are taken out of the agent's name, and it is cut.
    pub fn new(ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let clean = |agent: &str| agent.chars().filter(|c| !c.is_control()).take(Self::MAX_AGENT).collect();
        Self { ip, user_agent: user_agent.map(clean) }
    }
}

/// How long sessions last, by the store's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Without a request.
    pub idle: Duration,
    /// At the most.
    pub absolute: Duration,
}

/// How long sessions last, by what their users may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Those of users.
    pub user: Lifetimes,
    /// Those of administrators.
    pub admin: Lifetimes,
}

impl SessionPolicy {
    /// How long a session of somebody with that role lasts.
    pub const fn lifetimes(&self, role: Role) -> Lifetimes {
        match role {
            Role::User => self.user,
            Role::Admin => self.admin,
        }
    }
}

/// A session that is to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Who logged in.
    pub user_id: UserId,
    /// Where from.
    pub client: Client,
    /// How long it may last.
    pub lifetimes: Lifetimes,
    /// What its refresh token hashes to, if it has one.
    pub refresh: Option<TokenHash>,
    /// What its cookie hashes to, if it has one.
    pub cookie: Option<TokenHash>,
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out.
    Logout,
    /// Its user ended it from another one, or its token was revoked (RFC 7009).
    Revoked,
    /// Its user's password changed.
    PasswordChanged,
    /// Its user may do more, or less, than before.
    RoleChanged,
    /// Its user may do nothing any more.
    Disabled,
    /// A refresh token came a second time.
    RefreshReused,
    /// An administrator ended it.
    ByAdmin,
    /// Its user's account is being deleted.
    Deleted,
}

impl EndReason {
    /// The name that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::RoleChanged => "role_changed",
            Self::Disabled => "disabled",
            Self::RefreshReused => "refresh_reused",
            Self::ByAdmin => "by_admin",
            Self::Deleted => "deleted",
        }
    }
}

/// Where a session stands in its life, by the store's clock. There is no way back to `Live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It can be used.
    Live,
    /// Its time is over, or it was not used for too long.
    Expired,
    /// It was ended.
    Ended,
}

/// A session and what its user may do, as one look-up gives it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// What that user is called now.
    pub username: Username,
    /// What that user may do now.
    pub role: Role,
    /// Whether that user may do anything at all.
    pub user_is_active: bool,
    /// Where it stands.
    pub state: SessionState,
    /// Whether its user gave the password within the last [`Session::FRESH`].
    pub is_fresh: bool,
    /// Whether it was last seen longer than [`Session::TOUCH_AFTER`] ago.
    pub needs_touch: bool,
    /// When it ends by itself at the latest.
    pub expires_at: DateTime<Utc>,
}

impl Session {
    /// How long a password that was given counts as given a moment ago.
    pub const FRESH: Duration = Duration::from_secs(5 * 60);
    /// How often it is noted that a session is used.
    pub const TOUCH_AFTER: Duration = Duration::from_secs(60);

    /// Whether requests may be made with it.
    pub fn is_usable(&self) -> bool {
        self.user_is_active && self.state == SessionState::Live
    }
}

/// A session as its user sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// Which session.
    pub id: SessionId,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends if it is not used again, or at the latest.
    pub expires_at: DateTime<Utc>,
    /// Where it was opened from.
    pub client: Client,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_name_is_cut_and_cleaned() {
        let client = Client::new(None, Some(&format!("a\n{}", "ä".repeat(400))));
        let agent = client.user_agent.unwrap();
        assert_eq!(agent.chars().count(), 256);
        assert!(!agent.contains('\n'));
    }
}
