//! The HTTP surface over mocked ports: no database, no network. The files mirror the routes.
#![cfg(test)]

mod access;
mod chat;
mod conventions;
mod conversations;
mod error_codes;
mod harness;
mod jwks;
mod leaving;
mod limits;
mod lists;
mod logging;
mod logout;
mod me;
mod operations;
mod socket;
mod streams;
mod token;
mod turns;
mod usage;
mod users;
