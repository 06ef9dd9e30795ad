//! PostgreSQL (14 or newer): the production store.

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
pub mod migrations;
mod records;
mod retention;
mod schema;
mod session;
mod signing_key;
mod store;
mod ticket;
mod turn;
mod usage;
mod user;

pub(crate) use store::connect;
pub use store::{PostgresSettings, open};
