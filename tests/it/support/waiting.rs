//! Waiting for something to happen, at most for so long.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// The longest that anything may take on a machine with too much to do. What goes well never takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The time from one look to the next.
const GLANCE: Duration = Duration::from_millis(20);

/// Looks until there is something to see, and returns it.
///
/// What happens in another process sends no event that a test could wait for; this is the next best thing, and ends
/// as soon as the condition holds. After [`PATIENCE`] it fails and says `what` did not happen.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut glances = interval(GLANCE);
    glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let seen = async {
        loop {
            glances.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    within_patience(what, seen).await
}

/// What the future gives, if it does so in time.
pub(crate) async fn within_patience<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = timeout(PATIENCE, future).await else { panic!("not within {PATIENCE:?}: {what}") };
    value
}
