//! Who may do what: a role gives permissions, and an API key passes on some of them.

mod permission;
mod principal;
mod scope;

pub use permission::Permission;
pub use principal::{Credential, CredentialId, Principal};
pub use scope::{InvalidScope, Scope, Scopes};
