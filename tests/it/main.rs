//! Everything that needs more than one crate: the contract suite over both stores, the real server from
//! outside, and the architecture's rules.

mod contract;
mod migrations;
mod support;
