use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::Permission;

/// A permission that an API key can pass on (RFC 6749 §3.3). There is none for managing an account: no key makes keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `conversations:read`
    ReadConversations,
    /// `conversations:write`
    WriteConversations,
    /// `profile:read`
    ReadProfile,
    /// `usage:read`
    ReadUsage,
    /// `introspect`
    Introspect,
    /// `users:read`
    ReadUsers,
    /// `users:write`
    WriteUsers,
    /// `audit:read`
    ReadAudit,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 8] = [
        Self::ReadConversations,
        Self::WriteConversations,
        Self::ReadProfile,
        Self::ReadUsage,
        Self::Introspect,
        Self::ReadUsers,
        Self::WriteUsers,
        Self::ReadAudit,
    ];

    /// The name that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadConversations => "conversations:read",
            Self::WriteConversations => "conversations:write",
            Self::ReadProfile => "profile:read",
            Self::ReadUsage => "usage:read",
            Self::Introspect => "introspect",
            Self::ReadUsers => "users:read",
            Self::WriteUsers => "users:write",
            Self::ReadAudit => "audit:read",
        }
    }

    /// What it passes on.
    pub const fn permission(self) -> Permission {
        match self {
            Self::ReadConversations => Permission::ReadConversations,
            Self::WriteConversations => Permission::WriteConversations,
            Self::ReadProfile => Permission::ReadProfile,
            Self::ReadUsage => Permission::ReadUsage,
            Self::Introspect => Permission::IntrospectTokens,
            Self::ReadUsers => Permission::ReadUsers,
            Self::WriteUsers => Permission::ManageUsers,
            Self::ReadAudit => Permission::ReadAudit,
        }
    }
}

/// The text named no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be some of conversations:read, conversations:write, profile:read, usage:read, introspect, users:read, \
     users:write and audit:read, and at least one"
)]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(name: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(InvalidScope)
    }
}

/// One scope or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Whether one of them passes the permission on.
    pub fn pass_on(&self, permission: Permission) -> bool {
        self.0.iter().any(|scope| scope.permission() == permission)
    }

    /// Each of them, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = InvalidScope;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidScope> {
        let scopes: BTreeSet<Scope> = names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        if scopes.is_empty() { Err(InvalidScope) } else { Ok(Self(scopes)) }
    }
}

/// Names with a space between them (RFC 6749 §3.3).
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { " " };
            write!(f, "{separator}{}", scope.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = InvalidScope;

    fn from_str(names: &str) -> Result<Self, InvalidScope> {
        Self::try_from(names.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        let scopes: Scopes = "usage:read conversations:read".parse().unwrap();
        assert_eq!(scopes.to_string(), "conversations:read usage:read");
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
        assert_eq!("".parse::<Scopes>(), Err(InvalidScope));
        assert_eq!("usage:read  introspect".parse::<Scopes>(), Err(InvalidScope));
        assert_eq!("Usage:read".parse::<Scopes>(), Err(InvalidScope));
    }

    #[test]
    fn every_scope_has_a_name_of_its_own_and_none_manages_accounts() {
        let names: BTreeSet<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        assert_eq!(names.len(), Scope::ALL.len());
        assert!(Scope::ALL.iter().all(|scope| scope.permission() != Permission::ManageAccount));
    }
}
