//! What is counted of running turns; docs/OPERATIONS.md says what each is for.

use std::time::Duration;

use domain::conversation::{IncompleteReason, TurnState};
use metrics::{counter, gauge, histogram};

/// A turn that runs, counted until this is dropped.
pub(super) struct Running;

impl Running {
    pub(super) fn begin() -> Self {
        gauge!("colloquy_turns_running").increment(1.0);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        gauge!("colloquy_turns_running").decrement(1.0);
    }
}

/// From the acceptance of the question to the first piece of the answer.
pub(super) fn first_token(after: Duration) {
    histogram!("colloquy_first_token_seconds").record(after.as_secs_f64());
}

/// From the acceptance of the question until its end was stored.
pub(super) fn turn_ended(state: &TurnState, after: Duration) {
    let reason = state.incomplete_reason().map_or("", IncompleteReason::as_str);
    counter!("colloquy_turns_total", "status" => state.as_str(), "reason" => reason).increment(1);
    histogram!("colloquy_turn_seconds").record(after.as_secs_f64());
    if let Some(answer) = state.answer() {
        counter!("colloquy_tokens_total", "direction" => "input").increment(answer.usage.input_tokens.into());
        counter!("colloquy_tokens_total", "direction" => "output").increment(answer.usage.output_tokens.into());
    }
}

pub(super) fn reader_came() {
    gauge!("colloquy_readers").increment(1.0);
}

pub(super) fn reader_left() {
    gauge!("colloquy_readers").decrement(1.0);
}

/// How late a beat began, and how long the store took for it.
pub(super) fn beat(lag: Duration, took: Duration, is_heard: bool) {
    gauge!("colloquy_tick_lag_seconds").set(lag.as_secs_f64());
    histogram!("colloquy_tick_seconds").record(took.as_secs_f64());
    if !is_heard {
        counter!("colloquy_tick_failures_total").increment(1);
    }
}

pub(super) fn reaped(turns: usize) {
    counter!("colloquy_turns_reaped_total").increment(u64::try_from(turns).unwrap_or(u64::MAX));
}
