use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Unexpected;
use domain::audit::NewAuditEvent;
use domain::erasure::{Begun, ErasureRepository, Step};
use domain::id::UserId;

use super::Revocations;

/// Erasures that are told to the caches, and to whoever has something open with a credential of such an account.
pub struct AnnouncedErasures {
    inner: Arc<dyn ErasureRepository>,
    revocations: Revocations,
}

impl AnnouncedErasures {
    /// Tells what happens in `inner`.
    pub fn new(inner: Arc<dyn ErasureRepository>, revocations: Revocations) -> Self {
        Self { inner, revocations }
    }
}

#[async_trait]
impl ErasureRepository for AnnouncedErasures {
    async fn begin(&self, user: UserId, event: NewAuditEvent) -> Result<Begun, Unexpected> {
        let begun = self.inner.begin(user, event).await;
        self.revocations.changed(user);
        if let Ok(Begun::Begun(ended)) = &begun {
            for credential in ended {
                self.revocations.over(*credential);
            }
        }
        begun
    }

    async fn step(&self, user: UserId, limit: u32) -> Result<Option<Step>, Unexpected> {
        self.inner.step(user, limit).await
    }

    async fn unfinished(&self, idle: Duration, limit: u32) -> Result<Vec<UserId>, Unexpected> {
        self.inner.unfinished(idle, limit).await
    }
}
