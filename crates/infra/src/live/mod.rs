//! Running turns.
//!
//! A turn is a task of its own on the main runtime: whoever asked may go away, and the answer is made and
//! stored all the same. [`LiveRunner`] starts such tasks; [`Heartbeat`] keeps this process's lease, gives
//! running turns the beat on which they store what they have, and closes the turns of processes that died.

mod credentials;
mod feed;
mod feeds;
mod heartbeat;
mod metrics;
mod reader;
mod runner;
#[cfg(test)]
mod tests;
mod turn_task;

pub use credentials::WatchedCredentials;
pub use heartbeat::{Heartbeat, HeartbeatSettings};
pub use runner::{LivePorts, LiveRunner};
