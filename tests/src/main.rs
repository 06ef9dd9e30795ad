//! The server under test: Colloquy's own `main`, as a binary of this package, so that Cargo builds it for the tests.

fn main() -> std::process::ExitCode {
    server::main()
}
