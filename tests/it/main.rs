//! Everything that needs more than one crate: the contract suite over both stores, the real server from
//! outside, and the architecture's rules.
#![cfg(test)]

mod architecture;
mod bad_input;
mod cli;
mod closed_elsewhere;
mod contract;
mod crash;
mod disconnect;
mod engine_failure;
mod erasure;
mod export;
mod faults;
mod held_row;
mod housekeeping;
mod idempotency;
mod interrupt;
mod late_pieces;
mod lost_acknowledgement;
mod memory;
mod metrics;
mod migrations;
mod ownership;
mod published_keys;
mod readme;
mod replicas;
mod security;
mod shutdown;
mod silent_store;
mod support;
mod usage;
mod usage_of_replicas;
mod view;
mod web_socket;
