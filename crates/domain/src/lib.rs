//! Colloquy's pure core: who is talking, what was said before, and what it cost.
//!
//! The crate knows no runtime, no database, no HTTP and no clock; all of that comes in through ports
//! (traits), so that the same use cases run in Colloquy's server, in another Rust service with a store
//! of its own, and in a test over mocks.
//!
//! # Map
//!
//! | module | what is inside |
//! | --- | --- |
//! | [`user`] | accounts: value types that parse once, registration, the password port |
//! | [`access`] | who may do what: roles, permissions, scopes |
//! | [`session`] | logging in, tokens, authenticating a request, ending sessions |
//! | [`signing`] | the keys that sign access tokens, and how they are rotated |
//! | [`api_key`] | credentials for programs |
//! | [`audit`] | who did what to whom |
//! | [`conversation`] | conversations and their turns, and reading them |
//! | [`chat`] | the request that defines Colloquy: a question, its context, an engine, an answer |
//! | [`throttle`] | how much is done for one caller: attempts, logins to one account, answers at once |
//! | [`usage`] | what turns took, by day and by model; what that costs; how much somebody may have |
//! | [`erasure`] | deleting an account with all that belonged to it |
//! | [`export`] | a copy of everything that is stored about somebody |
//! | [`housekeeping`] | what goes when its time is over |
//! | [`background`] | work that outlives the request that asked for it |
//! | [`id`], [`clock`], [`page`], [`text`], [`unexpected`], [`health`] | what all of them share |
//! | `contract` | (feature `contract`) the suite that every store must pass |
//!
//! # The way of a question
//!
//! [`chat::ChatService::ask`] builds a [`chat::TurnPlan`] and hands it to the [`chat::TurnRunner`] port. The
//! runner stores the question through [`chat::TurnJournal::accept`], which answers with the context; calls
//! the [`chat::ChatEngine`]; feeds what it yields into the pure [`chat::Generation`]; and stores the outcome
//! through [`chat::TurnJournal::finish`].
//!
//! # Invariants
//!
//! - A question is stored before an engine sees it; an answer is stored before a client sees it as finished.
//! - At most one turn of a conversation runs at a time; the store enforces it.
//! - Somebody else's object and an object that does not exist cannot be told apart.
//! - Time and randomness come in through [`clock::Clock`] and [`id::IdGenerator`] only.
//!
//! `examples/embed.rs` is a service of under a hundred lines that brings its own store and its own engine.
#![deny(missing_docs)]

pub mod access;
pub mod api_key;
pub mod audit;
pub mod background;
pub mod chat;
pub mod clock;
#[cfg(feature = "contract")]
pub mod contract;
pub mod conversation;
pub mod erasure;
pub mod export;
pub mod health;
pub mod housekeeping;
pub mod id;
pub mod page;
pub mod session;
pub mod signing;
pub mod text;
pub mod throttle;
pub mod unexpected;
pub mod usage;
pub mod user;

pub use unexpected::Unexpected;
