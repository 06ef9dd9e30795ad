//! Colloquy's adapters: everything the domain's ports need from the world outside.
//!
//! | module | which port |
//! | --- | --- |
//! | [`store`] | opens one of the two stores and hands out its ports |
//! | [`postgres`], [`sqlite`] | users, sessions, signing keys, conversations, turns and the turn journal; file for file the same |
//! | `sql` | what both stores share: the pool, the batch writer, rows that do not parse |
//! | [`account_table`] | none: the table that accounts are imported from |
//! | [`cache`] | decorators of the session and the user repository |
//! | [`live`] | running turns: their tasks, their timers, the lease of this process |
//! | [`crypto`] | password hashing and access tokens |
//! | [`engines`] | whatever answers questions |
//! | [`throttle`] | what callers have used up of their limits |
//! | [`background`], [`housekeeping`] | what is done while nobody waits for it |
//! | [`clock`], [`ids`] | time and randomness |

pub mod account_table;
pub mod background;
pub mod cache;
pub mod clock;
pub mod crypto;
pub mod engines;
pub mod housekeeping;
pub mod ids;
pub mod live;
pub mod postgres;
mod sql;
pub mod sqlite;
pub mod store;
pub mod throttle;
