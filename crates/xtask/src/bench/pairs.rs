//! Two things measured request by request in turns, so that whatever else the machine does is shared by both.

use std::time::{Duration, Instant};

use super::load::Measured;
use crate::failure::{Failure, Result};

/// Does one thing and the other for so many seconds, as often each, after warming up; each says how long it took.
/// They are told how many there were before. Which of them comes first alternates too: the second may pay for what the
/// first left behind.
pub(crate) fn alternate(
    seconds: f64,
    mut one: impl FnMut(usize) -> Result<Duration>,
    mut other: impl FnMut(usize) -> Result<Duration>,
) -> Result<(Measured, Measured)> {
    let span = |seconds| Duration::try_from_secs_f64(seconds).map_err(|error| Failure::new(error.to_string()));
    let from = Instant::now() + span((seconds / 4.0).min(3.0))?;
    let until = from + span(seconds)?;
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for number in 0.. {
        let is_measured = Instant::now() >= from;
        let (first, second) = if number % 2 == 0 {
            let first = one(number)?;
            (first, other(number)?)
        } else {
            let second = other(number)?;
            (one(number)?, second)
        };
        if is_measured {
            ones.push(first);
            others.push(second);
        }
        if Instant::now() >= until {
            break;
        }
    }
    Ok((Measured::of(ones), Measured::of(others)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn both_are_done_as_often_and_each_goes_first_every_other_time() {
        let order = RefCell::new(String::new());
        let doing = |name: char, milliseconds| {
            let order = &order;
            move |_| {
                order.borrow_mut().push(name);
                Ok(Duration::from_millis(milliseconds))
            }
        };
        let (one, other) = alternate(0.02, doing('a', 1), doing('b', 2)).unwrap();
        assert!(one.requests > 0 && one.requests == other.requests);
        // What was done while warming up is not measured.
        assert!(order.borrow().len() > 2 * one.requests);
        assert!(order.borrow().starts_with("abbaab"), "{}", order.borrow());
        assert!((one.p50_ms - 1.0).abs() < 1e-9 && (other.p99_ms - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_failure_ends_it() {
        let failing = |number| if number == 3 { Err(Failure::new("no")) } else { Ok(Duration::ZERO) };
        assert_eq!(alternate(20.0, |_| Ok(Duration::ZERO), failing).unwrap_err().to_string(), "no");
    }
}
