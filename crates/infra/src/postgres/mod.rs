//! PostgreSQL (14 or newer): the production store.

mod connection;
mod conversation;
mod error;
mod health;
mod journal;
mod lease;
pub mod migrations;
mod schema;
mod session;
mod store;
mod turn;
mod user;

pub(crate) use store::connect;
pub use store::{PostgresSettings, open};
