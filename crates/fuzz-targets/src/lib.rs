//! What is fuzzed. Each target takes any bytes, and panics if something does not hold that must.
//!
//! | target | what strangers send |
//! | --- | --- |
//! | [`access_token`] | an access token |
//! | [`api_key`] | an API key |
//! | [`bearer_header`] | the header `Authorization` |
//! | [`import_table`] | a table of accounts |
//! | [`upstream_stream`] | a model's answer, as a stream of events |
//!
//! `cargo +nightly fuzz run NAME` looks for such bytes for as long as one likes; `tests/corpus.rs` tries those in
//! `fuzz/corpus/NAME` and some thousand changes of them, always the same, with every run of the tests. A new target is a
//! module here with a line in [`TARGETS`], a file in `fuzz/fuzz_targets`, its `[[bin]]` and a corpus.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a target reports by panicking, as a test does")]

pub mod access_token;
pub mod api_key;
pub mod bearer_header;
pub mod import_table;
pub mod upstream_stream;

/// A target: takes any bytes, and panics if something does not hold.
pub type Target = fn(&[u8]);

/// All of them, by their names.
pub const TARGETS: [(&str, Target); 5] = [
    ("access_token", access_token::run),
    ("api_key", api_key::run),
    ("bearer_header", bearer_header::run),
    ("import_table", import_table::run),
    ("upstream_stream", upstream_stream::run),
];
