//! SQLite, compiled in: the embedded default.
//!
//! Write-ahead log, every commit flushed, one writer for everything and a pool of readers beside it.

mod api_key;
mod audit;
mod connection;
mod conversation;
mod erasure;
mod error;
mod export;
mod health;
mod journal;
mod lease;
mod lock;
pub mod migrations;
mod records;
mod retention;
mod schema;
mod session;
mod signing_key;
mod statement;
mod store;
mod ticket;
mod turn;
mod usage;
mod user;
mod writer;

pub use store::{SqliteSettings, open};
pub(crate) use store::{migrate, revert};
