use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::id::UserId;

/// The user has as many answers made or read at once as one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many answers at once")]
pub struct TooManyStreams;

/// One of the answers that a user may have made or read at once. It is free again when the last clone is dropped.
#[derive(Clone, Default)]
pub struct StreamPermit {
    held: Option<Arc<dyn Any + Send + Sync>>,
}

impl StreamPermit {
    /// A permit that holds on to something; dropping that gives the place back.
    pub fn holding(place: impl Any + Send + Sync) -> Self {
        Self { held: Some(Arc::new(place)) }
    }

    /// A permit for what is not counted.
    pub const fn uncounted() -> Self {
        Self { held: None }
    }

    /// Gives the place back before the permit is dropped.
    pub fn release(&mut self) {
        self.held = None;
    }
}

impl fmt::Debug for StreamPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.held.is_some() { "StreamPermit(counted)" } else { "StreamPermit(uncounted)" })
    }
}

/// Port: counts the answers that each user has made or read at once.
///
/// Deciding and counting MUST be one step, and what a user has MUST be forgotten with their last permit.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait StreamLimiter: Send + Sync {
    /// One more, if there may be one.
    async fn enter(&self, user: UserId) -> Result<StreamPermit, TooManyStreams>;
}
