use std::time::Duration;

use async_trait::async_trait;

use crate::Unexpected;
use crate::access::CredentialId;
use crate::audit::NewAuditEvent;
use crate::id::UserId;

/// What came of the wish to delete an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nobody can use it any more; these credentials are over.
    Begun(Vec<CredentialId>),
    /// There is no such account.
    NotFound,
    /// It is the last active administrator.
    LastAdmin,
}

/// What is gone of an account, counted from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Conversations.
    pub conversations: u64,
    /// Turns, with all that was asked and answered.
    pub turns: u64,
    /// Sessions, with their refresh tokens.
    pub sessions: u64,
    /// API keys.
    pub api_keys: u64,
    /// Exports.
    pub exports: u64,
}

/// How far an erasure has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is more that can go at once.
    More,
    /// All that is left has turns that still run, in a process that is alive; it was asked to stop them.
    Waiting,
    /// The account is gone.
    Finished,
}

/// One step of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// All that is gone by now.
    pub erased: Erased,
    /// How it goes on.
    pub stage: Stage,
}

/// Port: accounts that are being deleted. Every method is atomic, and harmless when it is repeated.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ErasureRepository: Send + Sync {
    /// Begins to delete an account, and stores the event, all at once:
    ///
    /// - it is disabled, and nothing enables it again;
    /// - its sessions and keys are over: nobody may find them live afterwards, through whatever cache;
    /// - its turns that run are asked to stop.
    ///
    /// The last active administrator MUST stay, also when two go at once. An account that is being deleted already is
    /// [`Begun::Begun`] with all its credentials, and no second event.
    async fn begin(&self, user: UserId, event: NewAuditEvent) -> Result<Begun, Unexpected>;

    /// Removes some of what belongs to an account that is being deleted, about `limit` rows of each kind, and the account
    /// itself with the last of them. `None` if it is not being deleted, or is gone.
    ///
    /// A turn that runs in a process whose lease has not run out MUST stay, with its conversation.
    async fn step(&self, user: UserId, limit: u32) -> Result<Option<Step>, Unexpected>;

    /// At most `limit` of the accounts whose deletion has begun, is not finished, and has not gone on for `idle`, by the
    /// store's clock.
    async fn unfinished(&self, idle: Duration, limit: u32) -> Result<Vec<UserId>, Unexpected>;
}
