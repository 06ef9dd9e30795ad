//! Colloquy's HTTP surface over actix-web: routes, extractors, bodies, problem details, `OpenAPI`.
//!
//! The crate knows the domain and nothing else: it is given use cases ([`Services`]) and turns requests into
//! calls of them and their results into responses. No database, no engine, no clock.
//!
//! # Map
//!
//! | module | what is inside |
//! | --- | --- |
//! | `routes` | the route table, and one file for each endpoint |
//! | `endpoint` | a path and its methods; answers 405 with `Allow`, and survives a panic |
//! | `extract` | who is calling, and reading bodies, lists and idempotency keys |
//! | `dto` | what is sent: types of their own, apart from the domain's |
//! | `events` | what happens in a turn, as events |
//! | `export` | how everything about somebody is written down |
//! | `error` | every error code there is, and how a domain error becomes a problem (RFC 9457) |
//! | [`middleware`] | request ids, the request's span, headers and problems on every response |
//! | `openapi` | the document that the handlers' annotations make up |
//!
//! # The way of a request
//!
//! [`app`] wraps the routes in three layers: [`middleware::identify`] gives the request its id, the tracing layer
//! opens its span ([`middleware::RequestSpan`]), [`middleware::envelope`] sets the headers that every response has,
//! and writes the problem document when a handler ends with an error. A handler that takes an `extract::Caller`
//! is reached by authenticated callers only; it reads the body itself, so that nobody else's is read.

mod app;
mod dto;
mod endpoint;
mod error;
mod events;
mod export;
mod extract;
pub mod middleware;
mod openapi;
mod routes;
mod services;

pub use app::{app, configure};
pub use error::ErrorCode;
pub use export::JsonExport;
pub use extract::{TrustedProxies, bearer_credentials};
pub use openapi::openapi;
pub use services::{ApiSettings, Browser, Build, Metrics, Services};
