use uuid::Uuid;

use super::{Permission, Scopes};
use crate::id::{ApiKeyId, SessionId, UserId};
use crate::user::{Role, Username};

/// What a request was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An access token or a cookie of a session.
    Session {
        /// The session.
        id: SessionId,
        /// Whether its user gave the password within the last five minutes, by the store's clock.
        is_fresh: bool,
    },
    /// An API key.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// What it passes on of its owner's rights.
        scopes: Scopes,
    },
}

/// A credential by its id alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialId {
    /// A session.
    Session(SessionId),
    /// An API key.
    ApiKey(ApiKeyId),
}

impl CredentialId {
    /// The bare value. No session's is any key's.
    pub const fn as_uuid(self) -> Uuid {
        match self {
            Self::Session(id) => id.as_uuid(),
            Self::ApiKey(id) => id.as_uuid(),
        }
    }
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
    /// What it was made with.
    pub credential: Credential,
}

impl Principal {
    /// Whether the request may do that: its user's role gives it, and its key, if it came with one, passes it on.
    pub fn may(&self, permission: Permission) -> bool {
        permission.is_given_to(self.role)
            && match &self.credential {
                Credential::Session { .. } => true,
                Credential::ApiKey { scopes, .. } => scopes.pass_on(permission),
            }
    }

    /// The session it comes in, unless it came with an API key.
    pub const fn session_id(&self) -> Option<SessionId> {
        match self.credential {
            Credential::Session { id, .. } => Some(id),
            Credential::ApiKey { .. } => None,
        }
    }

    /// What it was made with, by its id.
    pub const fn credential_id(&self) -> CredentialId {
        match self.credential {
            Credential::Session { id, .. } => CredentialId::Session(id),
            Credential::ApiKey { id, .. } => CredentialId::ApiKey(id),
        }
    }

    /// Whether its user gave the password within the last five minutes. A key never did.
    pub const fn is_fresh(&self) -> bool {
        matches!(self.credential, Credential::Session { is_fresh: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::Scope;
    use super::*;

    fn principal(role: Role, credential: Credential) -> Principal {
        let username = Username::try_from("ada".to_owned()).unwrap();
        Principal { user_id: UserId::from_uuid(Uuid::nil()), username, role, credential }
    }

    #[test]
    fn a_key_never_exceeds_its_owner_or_its_scopes() {
        let all = Scopes::try_from(Scope::ALL.map(|scope| scope.as_str().to_owned()).to_vec()).unwrap();
        let key = |scopes| Credential::ApiKey { id: ApiKeyId::from_uuid(Uuid::nil()), scopes };
        let of_user = principal(Role::User, key(all.clone()));
        assert!(of_user.may(Permission::WriteConversations));
        assert!(!of_user.may(Permission::ReadUsers), "its owner may not either");
        let of_admin = principal(Role::Admin, key(all));
        assert!(of_admin.may(Permission::ReadUsers));
        assert!(!of_admin.may(Permission::ManageAccount), "no key manages an account");
        let narrow = principal(Role::Admin, key("usage:read".parse().unwrap()));
        assert!(narrow.may(Permission::ReadUsage) && !narrow.may(Permission::ReadConversations));
    }
}
