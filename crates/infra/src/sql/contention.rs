use std::thread;
use std::time::Duration;

use super::SqlError;

/// How often work is done again that concurrent work got in the way of (R28).
const RETRIES: u32 = 3;
/// The longest pause before the first of these; it doubles with each.
const PAUSE: Duration = Duration::from_millis(10);

/// Does the work, again if a deadlock or a serialization failure undid it. It must be harmless when repeated, and run
/// on a thread that may wait.
pub(crate) fn undisturbed<T>(mut work: impl FnMut() -> Result<T, SqlError>) -> Result<T, SqlError> {
    for retry in 0..RETRIES {
        match work() {
            Err(error) if error.is_contention() => thread::sleep(jittered(PAUSE * 2_u32.pow(retry))),
            outcome => return outcome,
        }
    }
    work()
}

/// Somewhere between nothing and all of it, or those that got in each other's way would do so again.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind, Error as DieselError};

    use super::*;

    fn contended() -> SqlError {
        let message = Box::new("could not serialize access".to_owned());
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, message).into()
    }

    /// How often work is done that is undone the first so many times, and whether it succeeds.
    fn tries(undone: u32) -> (u32, bool) {
        let mut tries = 0;
        let done = undisturbed(|| {
            tries += 1;
            if tries <= undone { Err(contended()) } else { Ok(()) }
        });
        (tries, done.is_ok())
    }

    #[test]
    fn r28_contended_work_is_done_again_three_times_at_the_most() {
        assert_eq!(tries(0), (1, true));
        assert_eq!(tries(1), (2, true));
        assert_eq!(tries(3), (4, true));
        assert_eq!(tries(4), (4, false));
    }

    #[test]
    fn other_failures_are_not_tried_again() {
        let mut tries = 0;
        let failed: Result<(), _> = undisturbed(|| {
            tries += 1;
            Err(DieselError::NotFound.into())
        });
        assert!(failed.is_err());
        assert_eq!(tries, 1);
    }

    #[test]
    fn pauses_differ() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| jittered(Duration::from_secs(1))).collect();
        assert!(pauses.len() > 10 && pauses.iter().all(|pause| *pause <= Duration::from_secs(1)), "{pauses:?}");
    }
}
