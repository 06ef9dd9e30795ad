//! The binary `colloquy`; everything it does is in the library, so that tests have the same server to start.

use std::process::ExitCode;

/// One allocation less to wait for: many small requests on several threads are what it is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::main()
}
