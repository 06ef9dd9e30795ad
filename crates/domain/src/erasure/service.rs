use std::sync::Arc;
use std::time::Duration;

use super::{Begun, Erased, ErasureRepository, Stage, Step};
use crate::Unexpected;
use crate::access::Principal;
use crate::audit::{AuditKind, AuditTrail, Origin};
use crate::clock::{Clock, Pause};
use crate::id::UserId;
use crate::session::Client;

/// How an erasure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// What is gone.
    pub erased: Erased,
    /// Whether that is all there was. If not, the rest goes without anybody asking again.
    pub is_complete: bool,
}

/// Why an account was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The password was given too long ago.
    #[error("the password must be given again")]
    NotFresh,
    /// Somebody must be left who can manage accounts.
    #[error("it is the last administrator")]
    LastAdmin,
    /// It has just been deleted.
    #[error("there is no such account any more")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// Use case: deleting one's account.
#[derive(Clone)]
pub struct ErasureService {
    erasures: Arc<dyn ErasureRepository>,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
    audit: AuditTrail,
}

impl ErasureService {
    /// The longest that a caller waits for the rest to go.
    pub const PATIENCE: Duration = Duration::from_secs(10);
    /// How many rows of a kind go in one transaction.
    pub const BATCH: u32 = 500;
    /// The time between two looks at turns that are being stopped.
    pub const GLANCE: Duration = Duration::from_millis(200);
    /// An erasure that has not gone on for so long has been left: longer than any caller waits.
    pub const ABANDONED: Duration = Duration::from_secs(20);
    /// The longest that one goes on while nobody waits, before others have their turn.
    pub const TURN: Duration = Duration::from_secs(30);

    /// The use case over these ports.
    pub fn new(
        erasures: Arc<dyn ErasureRepository>,
        clock: Arc<dyn Clock>,
        pause: Arc<dyn Pause>,
        audit: AuditTrail,
    ) -> Self {
        Self { erasures, clock, pause, audit }
    }

    /// Deletes the caller's account, if the password was given a moment ago.
    pub async fn erase(&self, caller: &Principal, client: Client) -> Result<Erasure, EraseError> {
        if !caller.is_fresh() {
            return Err(EraseError::NotFresh);
        }
        let event = self.audit.event(AuditKind::UserDeleted, &Origin::of(caller, client)).about(caller.user_id);
        match self.erasures.begin(caller.user_id, event).await? {
            Begun::Begun(_) => {}
            Begun::NotFound => return Err(EraseError::Gone),
            Begun::LastAdmin => return Err(EraseError::LastAdmin),
        }
        // From here on it happens, whatever the store says now: what is left goes later.
        let mut erasure = Erasure { erased: Erased::default(), is_complete: false };
        drop(self.go_on(caller.user_id, Self::PATIENCE, &mut erasure).await);
        Ok(erasure)
    }

    /// Goes on with erasures that were left, and returns how many were finished.
    pub(crate) async fn finish_abandoned(&self, limit: u32) -> Result<u32, Unexpected> {
        let mut finished = 0;
        let mut failure = None;
        for user in self.erasures.unfinished(Self::ABANDONED, limit).await? {
            let mut erasure = Erasure { erased: Erased::default(), is_complete: false };
            // One that cannot go on keeps no other from going on.
            failure = self.go_on(user, Self::TURN, &mut erasure).await.err().or(failure);
            finished += u32::from(erasure.is_complete);
        }
        failure.map_or(Ok(finished), Err)
    }

    async fn go_on(&self, user: UserId, patience: Duration, erasure: &mut Erasure) -> Result<(), Unexpected> {
        let deadline = self.clock.now() + patience;
        while self.clock.now() < deadline {
            let Some(Step { erased, stage }) = self.erasures.step(user, Self::BATCH).await? else {
                // Somebody else did the last step.
                erasure.is_complete = true;
                return Ok(());
            };
            *erasure = Erasure { erased, is_complete: stage == Stage::Finished };
            match stage {
                Stage::More => {}
                Stage::Waiting => self.pause.pause(Self::GLANCE).await,
                Stage::Finished => return Ok(()),
            }
        }
        Ok(())
    }
}
