use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::id::UserId;
use domain::throttle::{StreamLimiter, StreamPermit, TooManyStreams};

use super::refused;

/// How many answers each user has made or read here at once. Who has none takes no memory.
#[derive(Clone)]
pub struct StreamCounts {
    most: NonZeroUsize,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts(Mutex<HashMap<UserId, usize>>);

/// One of them.
struct Place {
    counts: Arc<Counts>,
    user: UserId,
}

impl StreamCounts {
    /// So many for each user.
    pub fn new(most: NonZeroUsize) -> Self {
        Self { most, counts: Arc::default() }
    }
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StreamLimiter for StreamCounts {
    async fn enter(&self, user: UserId) -> Result<StreamPermit, TooManyStreams> {
        let mut counts = self.counts.lock();
        let count = counts.entry(user).or_default();
        if *count >= self.most.get() {
            refused("streams");
            return Err(TooManyStreams);
        }
        *count += 1;
        Ok(StreamPermit::holding(Place { counts: self.counts.clone(), user }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn s43_a_place_is_free_again_once_nobody_holds_it() {
        let streams = StreamCounts::new(NonZeroUsize::new(2).unwrap());
        let [ada, bob] = [1, 2].map(|id| UserId::from_uuid(Uuid::from_u128(id)));
        let first = streams.enter(ada).await.unwrap();
        let mut second = streams.enter(ada).await.unwrap();
        assert!(streams.enter(ada).await.is_err());
        let other = streams.enter(bob).await.unwrap();

        let shared = first.clone();
        drop(first);
        assert!(streams.enter(ada).await.is_err(), "a clone is still there");
        drop(shared);
        let third = streams.enter(ada).await.unwrap();
        assert!(streams.enter(ada).await.is_err());
        second.release();
        drop(streams.enter(ada).await.unwrap());

        drop((second, third, other));
        assert!(streams.counts.lock().is_empty(), "nobody is remembered");
    }
}
