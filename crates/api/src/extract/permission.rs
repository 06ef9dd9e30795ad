//! What a handler's caller must be allowed to do, as a type, so that a handler's signature shows who reaches it.

use domain::access::Permission;

/// A permission as a type.
pub(crate) trait Requires {
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($name:ident)+) => {
        $(
            pub(crate) struct $name;

            impl Requires for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

permissions! {
    ReadConversations
    WriteConversations
    ReadProfile
    ReadUsage
    ManageAccount
    IntrospectTokens
    ReadUsers
    ManageUsers
    ReadAudit
}
