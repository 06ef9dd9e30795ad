use crate::user::Role;

/// What a request may need. Whatever is not given here is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Reading one's conversations and turns.
    ReadConversations,
    /// Asking, and changing one's conversations.
    WriteConversations,
    /// Reading one's account.
    ReadProfile,
    /// Reading what one's questions cost.
    ReadUsage,
    /// Changing one's account, its password, its sessions and its keys; exporting and deleting it.
    ManageAccount,
    /// Asking whether a token is valid (RFC 7662).
    IntrospectTokens,
    /// Reading other people's accounts.
    ReadUsers,
    /// Changing other people's accounts.
    ManageUsers,
    /// Reading the audit log.
    ReadAudit,
}

impl Permission {
    /// Whether the role gives it.
    pub const fn is_given_to(self, role: Role) -> bool {
        match self {
            Self::ReadConversations
            | Self::WriteConversations
            | Self::ReadProfile
            | Self::ReadUsage
            | Self::ManageAccount => true,
            Self::IntrospectTokens | Self::ReadUsers | Self::ManageUsers | Self::ReadAudit => {
                matches!(role, Role::Admin)
            }
        }
    }
}
