use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::chat::{Followed, Following};
use domain::id::TurnId;
use tokio::sync::Notify;

use super::feed::{Feed, Seat};

/// The turns that run here, and those of other processes that are read here.
#[derive(Default)]
pub(super) struct Feeds {
    own: Mutex<HashMap<TurnId, Arc<Feed>>>,
    followed: Mutex<HashMap<TurnId, Arc<Feed>>>,
    /// Told when a turn of another process is read here for the first time.
    pub(super) new: Notify,
}

/// A turn that runs here, known to others until this is dropped.
pub(super) struct Registered {
    feeds: Arc<Feeds>,
    pub(super) feed: Arc<Feed>,
}

impl Feeds {
    /// Makes a turn that runs here known.
    pub(super) fn register(self: &Arc<Self>, feed: Arc<Feed>) -> Registered {
        lock(&self.own).insert(feed.turn(), feed.clone());
        Registered { feeds: self.clone(), feed }
    }

    /// The turns that run here.
    pub(super) fn own(&self) -> Vec<Arc<Feed>> {
        lock(&self.own).values().cloned().collect()
    }

    /// The turn, if it runs here.
    pub(super) fn own_turn(&self, turn: TurnId) -> Option<Arc<Feed>> {
        lock(&self.own).get(&turn).cloned()
    }

    /// A place among the readers of the turn, wherever it runs.
    pub(super) fn seat(&self, turn: TurnId) -> Seat {
        if let Some(own) = self.own_turn(turn) {
            return own.seat();
        }
        let mut followed = lock(&self.followed);
        if let Some(feed) = followed.get(&turn).filter(|feed| !feed.is_over()) {
            return feed.seat();
        }
        let feed = Feed::following(turn);
        let seat = feed.seat();
        followed.insert(turn, feed);
        drop(followed);
        self.new.notify_one();
        seat
    }

    /// What is known here of each turn that is followed. Those that nobody reads any more, or that are over, are
    /// forgotten.
    pub(super) fn followed(&self) -> Vec<Following> {
        let mut followed = lock(&self.followed);
        followed.retain(|_, feed| feed.is_read() && !feed.is_over());
        followed.values().map(|feed| Following { turn_id: feed.turn(), after: feed.end() }).collect()
    }

    /// Passes on how turns of other processes stand.
    pub(super) fn hear(&self, news: Vec<Followed>) {
        for Followed { turn_id, course } in news {
            let feed = lock(&self.followed).get(&turn_id).cloned();
            if let Some(feed) = feed {
                feed.hear(course);
            }
        }
    }
}

impl Drop for Registered {
    /// Whoever still reads is told that there is no more to come, unless the end has been told.
    fn drop(&mut self) {
        lock(&self.feeds.own).remove(&self.feed.turn());
        self.feed.gone();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
