use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::id::{SessionId, UserId};
use crate::user::{Role, Username};

/// Where a session was opened from, for its owner to recognise it.
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

/// A session that is to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Who logged in.
    pub user_id: UserId,
    /// Where from.
    pub client: Client,
    /// How long it may last at the most, by the store's clock.
    pub lifetime: Duration,
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out.
    Logout,
}

impl EndReason {
    /// The name that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
        }
    }
}

/// Where a session stands in its life, by the store's clock. There is no way back to `Live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It can be used.
    Live,
    /// Its time is over.
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
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose request it is.
    pub user_id: UserId,
    /// What that user is called.
    pub username: Username,
    /// What that user may do.
    pub role: Role,
    /// The session it comes in, unless it came with an API key.
    pub session_id: Option<SessionId>,
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
