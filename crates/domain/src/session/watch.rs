use futures_core::future::BoxFuture;

use crate::access::CredentialId;

/// Port: being told when a credential is over, for whatever was opened with it and stays open.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait CredentialWatch: Send + Sync {
    /// Resolves once the session or the key has ended, has expired, or its user may do nothing any more: at once if that
    /// happens in this process, within about a second otherwise. Dropping it ends the watch.
    fn ended(&self, credential: CredentialId) -> BoxFuture<'static, ()>;
}
