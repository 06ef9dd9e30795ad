//! The task that does what nobody asks for.

use std::time::Duration;

use domain::housekeeping::{Chore, HousekeepingService};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tidies up in turns, until it is stopped. Several processes may do so at once.
pub struct Housekeeping {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Housekeeping {
    /// Begins on `runtime`. The time between two rounds is `every`, give or take a quarter, so that processes that were
    /// started together do not all come at once.
    pub fn start(runtime: &Handle, service: HousekeepingService, every: Duration) -> Self {
        let stop = CancellationToken::new();
        let rounds = rounds(service, every);
        let stopped = stop.clone();
        let task = runtime.spawn(async move {
            stopped.run_until_cancelled(rounds).await;
        });
        Self { stop, task }
    }

    /// Stops. What is not done is done next time, or elsewhere.
    pub async fn stop(self) {
        self.stop.cancel();
        // The task ends at the token, or has panicked; either way it does nothing more.
        drop(self.task.await);
    }
}

async fn rounds(service: HousekeepingService, every: Duration) {
    loop {
        tokio::time::sleep(jittered(every, random())).await;
        for chore in Chore::ALL {
            match service.see_to(chore).await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(chore = chore.as_str(), rows, "tidied up"),
                Err(error) => tracing::warn!(chore = chore.as_str(), %error, "could not tidy up"),
            }
        }
    }
}

/// Three to five quarters of the time.
fn jittered(time: Duration, random: u8) -> Duration {
    time * 3 / 4 + time * u32::from(random) / (2 * u32::from(u8::MAX))
}

/// Without randomness, the middle.
fn random() -> u8 {
    let mut byte = [u8::MAX / 2];
    getrandom::fill(&mut byte).map_or(u8::MAX / 2, |()| byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_three_to_five_quarters_apart() {
        let minute = Duration::from_secs(60);
        assert_eq!(jittered(minute, 0), Duration::from_secs(45));
        assert_eq!(jittered(minute, u8::MAX), Duration::from_secs(75));
    }
}
